import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { STATE_FILES } from "../../../core/contract/identity.ts";
import { ROLE_NAMES } from "../../../core/contract/role.ts";
import { WATCHDOG_FILE } from "../../../core/node/service-watchdog.ts";

const OVERLAY = join(import.meta.dirname, "../../../overlay/usr/lib");
const read = (path: string) => readFileSync(join(OVERLAY, path), "utf8");

/** Path, mode, user and group of the `z` lines of tmpfiles.d(5). */
const owners = new Map(
  read("tmpfiles.d/cepa.conf")
    .split("\n")
    .filter((line) => line.startsWith("z "))
    .map((line) => line.split(/\s+/))
    .map(([, path = "", mode, user, group]) => [path, `${mode} ${user}:${group}`]),
);

test("tmpfiles: each file of the state partition by its own line; no pattern that a key would match first", () => {
  const keys: Readonly<Record<string, string>> = {
    [STATE_FILES.privateKey]: "0640 root:cepa-identity",
    [STATE_FILES.tlsCryptV2]: "0640 root:cepa-identity",
    [STATE_FILES.emergencyKey]: "0640 root:cepa-phone-home",
    [STATE_FILES.config]: "0644 cepa-link:cepa-link",
  };
  for (const file of Object.values(STATE_FILES))
    assert.equal(owners.get(`/state/${file}`), keys[file] ?? "0644 root:root", file);
  for (const path of owners.keys()) assert.doesNotMatch(path, /[*?[]/);
});

const groupsOf = (unit: string) =>
  /^SupplementaryGroups=(.*)$/m.exec(read(`systemd/system/${unit}.service`))?.[1]?.split(" ") ?? [];

test("units: what speaks to the outside asks no role, what sees hostile packets reads no key", () => {
  assert.deepEqual(groupsOf("cepa-vpn"), ["cepa-identity"]);
  assert.deepEqual(groupsOf("cepa-capture"), ["cepa"]);
  assert.deepEqual(groupsOf("cepa-screen"), ["cepa"]);
  assert.deepEqual(groupsOf("cepa-update"), ["cepa", "cepa-identity"]);
  assert.deepEqual(groupsOf("cepa-stick@"), ["cepa"]);
  assert.match(read("systemd/system/cepa-stick@.service"), /^PrivateNetwork=yes$/m);
  assert.match(read("systemd/system/cepa-stick@.service"), /^InaccessiblePaths=\/state\/identity$/m);
  assert.match(
    read("systemd/system/cepa-vpn.service"),
    /^ExecStart=.* --config \S+ --script-security 1$/m,
    "behind the configuration, so that it is the last word",
  );
});

test("units: what names a kind of device finds its driver loaded, and who looks drivers up may", () => {
  const loaded = read("modules-load.d/cepa.conf").split("\n");
  const phoneHome = read("systemd/system/cepa-phone-home.service");
  for (const [kind, module] of Object.entries({ ttyUSB: "usbserial", ttyACM: "cdc_acm" })) {
    assert.match(phoneHome, new RegExp(`^DeviceAllow=char-${kind} rw$`, "m"));
    assert.ok(loaded.includes(module), module);
  }
  // drop-ins count in the order of their names, and more than the unit
  assert.match(read("systemd/system/cepa-.service.d/10-hardening.conf"), /^ProtectKernelModules=yes$/m);
  assert.match(read("systemd/system/cepa-usb@.service.d/20-modules.conf"), /^ProtectKernelModules=no$/m);
});

test("transfers: never the version that runs, the kernel last and with three tries", () => {
  const names = readdirSync(join(OVERLAY, "sysupdate.d")).sort();
  assert.deepEqual(names, ["10-root.transfer", "20-verity.transfer", "30-kernel.transfer"]);
  for (const name of names) {
    assert.match(read(`sysupdate.d/${name}`), /^ProtectVersion=%A$/m);
    assert.match(read(`sysupdate.d/${name}`), /^InstancesMax=2$/m);
  }
  assert.match(read("sysupdate.d/30-kernel.transfer"), /^TriesLeft=3$/m);
});

test("journal: in memory, but on the state partition until base is reached, in one bounded folder", () => {
  const journald = read("systemd/journald.conf.d/cepa.conf");
  for (const line of ["Storage=auto", "RuntimeMaxUse=32M", "SystemMaxUse=16M", "SystemKeepFree=128M"])
    assert.ok(journald.split("\n").includes(line), line);
  assert.match(read("systemd/system/cepa-keep-journal.service"), /^ConditionPathExists=!\/state\/link\/reached-base$/m);
  assert.match(read("systemd/system/cepa-drop-journal.service"), /^ConditionPathExists=\/state\/link\/reached-base$/m);
  assert.match(read("tmpfiles.d/cepa.conf"), /^L \/var\/log\/journal\/%m - - - - \/state\/journal$/m);
  assert.equal(read("cepa/drop-journal.conf"), "R /state/journal\n");
});

test("units: systemd watches every role and the screen, which can tell it that they live", () => {
  const watched = readdirSync(join(OVERLAY, "systemd/system"))
    .filter((name) => name.endsWith(".service"))
    .flatMap((name) => {
      const text = read(`systemd/system/${name}`);
      const runs = /^ExecStart=\/usr\/bin\/cepa-sensor (?:run (\S+)|(status) --watch)$/m.exec(text);
      if (runs === null) return [];
      assert.match(text, /^WatchdogSec=120s$/m, name);
      assert.match(text, new RegExp(`^OpenFile=/run/systemd/notify:${WATCHDOG_FILE}$`, "m"), name);
      return [runs[1] ?? runs[2]];
    });
  assert.deepEqual(watched.sort(), [...ROLE_NAMES, "status"].sort());
});
