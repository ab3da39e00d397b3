import assert from "node:assert/strict";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { nodeExec } from "../../core/node/exec.ts";
import { makeNextDb, useNextDb } from "../../image/db-rollover.ts";
import type { ImageInputs } from "../../image/image-inputs.ts";
import { planDisk } from "../../image/plan.ts";
import { findProfile, type ImageProfile } from "../../image/profile.ts";
import { makeSecureBootKeys, readSecureBootKeys } from "../../image/secure-boot-keys.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** The boot loader that `make image` took from Debian, signed with a key that never leaves its token (SoftHSM). Nothing is booted. */
const PROJECT = join(import.meta.dirname, "../..");
const BOOT_LOADER = join(PROJECT, ".cache/image/qemu/systemd-bootx64.efi");
const MODULE = "/usr/lib/softhsm/libsofthsm2.so";
const PIN = "123456";

const signal = AbortSignal.timeout(120_000);
const folder = await mkdtemp(join(tmpdir(), "cepa-token-"));
after(() => rm(folder, { recursive: true, force: true }));

test("db in a token, and the next one: certificates are made, and what the firmware starts is signed, without a key in a file", async () => {
  await mkdir(join(folder, "tokens"));
  await writeFile(join(folder, "softhsm2.conf"), `directories.tokendir = ${folder}/tokens\n`);
  process.env.SOFTHSM2_CONF = join(folder, "softhsm2.conf");
  await writeFile(join(folder, "pin"), PIN, { mode: 0o600 });
  await nodeExec(
    "softhsm2-util",
    ["--init-token", "--free", "--label", "cepa-test", "--pin", PIN, "--so-pin", PIN],
    signal,
  );
  const makeKey = async (label: string, id: string) => {
    const make = ["--login", "--pin", PIN, "--keypairgen", "--key-type", "rsa:2048", "--label", label, "--id", id];
    await nodeExec("pkcs11-tool", ["--module", MODULE, ...make], signal);
    return `pkcs11:token=cepa-test;object=${label};type=private;pin-source=file:${folder}/pin`;
  };
  const uri = await makeKey("db", "01");

  const keysFolder = join(folder, "keys");
  const keys = await makeSecureBootKeys(keysFolder, "Provider", nodeExec, signal, uri);
  assert.deepEqual(await readSecureBootKeys(keysFolder), keys);
  assert.equal(keys.dbUri, uri);
  const names = await readdir(keysFolder);
  assert.ok(names.includes("db.crt") && names.includes("db.uri") && !names.includes("db.key"), names.join(" "));

  const inputs: ImageInputs = {
    profile: findProfile("qemu") as ImageProfile,
    version: "1.0.0",
    paths: { project: PROJECT, cache: join(folder, "cache"), dist: join(folder, "dist") },
    apt: { mirror: { debian: "http://m.example/debian/", security: undefined }, options: [] },
    epochS: 1_700_000_000,
    keys,
    isLocked: false,
    definitions: {
      ...{ toolsPackages: [], rootPackages: [], rootRemoved: [], rootPrograms: [], rootLibraries: [] },
      rootModules: [],
    },
  };
  const signing = (given: ImageInputs) => {
    const sign = planDisk(given, "ab".repeat(32)).find(({ name }) => name === "sign");
    return (sign?.actions ?? []).flatMap((action) =>
      action.kind === "run" && action.where === "host" ? [action] : [],
    );
  };
  const onHost = signing(inputs);
  assert.deepEqual(
    onHost.map(({ program, args }) => [program, args.includes("--engine")]),
    [
      ["sbsign", true],
      ["sbsign", true],
    ],
  );
  const work = join(folder, "cache/qemu");
  await mkdir(join(work, "signed"), { recursive: true });
  await copyFile(BOOT_LOADER, join(work, "systemd-bootx64.efi"));
  const [first] = onHost;
  assert.ok(first !== undefined && !first.args.join(" ").includes(PIN));
  await nodeExec(first.program, first.args, signal);
  const signed = join(work, "signed/systemd-bootx64.efi");
  const verify = async (certificate: string) =>
    nodeExec("sbverify", ["--cert", join(keysFolder, certificate), signed], signal);
  assert.match((await verify("db.crt")).stdout, /Signature verification OK/);
  await assert.rejects(verify("KEK.crt"));

  const nextUri = await makeKey("db-2027", "02");
  await makeNextDb(keysFolder, "Provider", { exec: nodeExec, clock: new FakeClock() }, signal, nextUri);
  await writeFile(join(keysFolder, "db-next.uri"), `${uri}\n`);
  await assert.rejects(useNextDb(keysFolder, nodeExec, signal), {
    code: "mismatch",
    message: /not the key of db-next/,
  });
  await writeFile(join(keysFolder, "db-next.uri"), `${nextUri}\n`);
  await useNextDb(keysFolder, nodeExec, signal);
  const rolled = await readSecureBootKeys(keysFolder);
  assert.equal(rolled.dbUri, nextUri);
  const [next] = signing({ ...inputs, keys: rolled });
  assert.ok(next !== undefined);
  await nodeExec(next.program, next.args, signal);
  assert.match((await verify("db.crt")).stdout, /Signature verification OK/);
  await assert.rejects(verify("db-former.crt"));

  await writeFile(join(folder, "pin"), "000000");
  await assert.rejects(nodeExec(first.program, first.args, signal), "a wrong PIN signs nothing");
  await writeFile(join(keysFolder, "db.key"), await readFile(join(keysFolder, "KEK.key")));
  await assert.rejects(readSecureBootKeys(keysFolder), { code: "badUri", message: /both db\.key and db\.uri/ });
});
