import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePackages } from "../../../image/manifest.ts";
import { type ImageInputs, parseDefinitions, planDisk, planRoot, renderCommandLine } from "../../../image/plan.ts";
import { findProfile, type ImageProfile } from "../../../image/profile.ts";
import { renderAction } from "../../../image/step.ts";

const ROOT_HASH = "ab".repeat(32);
const profile = findProfile("qemu") as ImageProfile;
const INPUTS: ImageInputs = {
  profile,
  version: "0.1.0",
  paths: { project: "/p", cache: "/c", dist: "/d" },
  apt: {
    mirror: { debian: "http://m.example/debian/", security: undefined },
    options: ['Acquire::Check-Date "false";'],
  },
  epochS: 1_700_000_000,
  keys: undefined,
  definitions: { toolsPackages: ["erofs-utils"], rootPackages: ["systemd", "openvpn"], rootRemoved: ["var/*"] },
};

test("planRoot, planDisk: steps in order, and what each follows", () => {
  const steps = [...planRoot(INPUTS), ...planDisk(INPUTS, ROOT_HASH)];
  assert.deepEqual(
    steps.map(({ name, after }) => [name, after]),
    [
      ["tools", []],
      ["root", ["tools"]],
      ["initrd", ["tools", "root"]],
      ["system", ["root"]],
      ["uki", ["tools", "root", "initrd", "system"]],
      ["sign", ["uki"]],
      ["disk", ["system", "sign"]],
    ],
  );
  const known = new Set<string>();
  for (const { name, after } of steps) {
    for (const before of after) assert.ok(known.has(before), `${name} follows ${before}`);
    known.add(name);
  }
});

test("planRoot: only the step that seals the root reads the sensor", () => {
  const reading = planRoot(INPUTS).filter(({ inputs }) => inputs.some((path) => path.startsWith("/d/")));
  assert.deepEqual(
    reading.map(({ name, inputs }) => [name, inputs]),
    [["system", ["/p/overlay", "/p/image/profiles/qemu/overlay", "/d/cepa-sensor", "/d/native"]]],
  );
});

test("planRoot: packages and mirror go to mmdebstrap, and the mirror decides nothing", () => {
  const [tools] = planRoot(INPUTS);
  assert.ok(tools !== undefined);
  const rendered = tools.actions.map(renderAction).join("\n");
  assert.match(
    rendered,
    /^mmdebstrap .*--include=erofs-utils trixie \/c\/tools deb http:\/\/m\.example\/debian\/ trixie main/,
  );
  assert.deepEqual(tools.ignored, [
    "deb http://m.example/debian/ trixie main",
    "deb http://m.example/debian/ trixie-updates main",
    '--aptopt=Acquire::Check-Date "false";',
  ]);
});

test("renderCommandLine: the root hash, the console last named is the serial line, no credentials from outside", () => {
  const words = renderCommandLine(profile, ROOT_HASH).split(" ");
  assert.equal(words[0], `roothash=${ROOT_HASH}`);
  assert.deepEqual(
    words.filter((word) => word.startsWith("console=")),
    ["console=tty0", "console=ttyS0,115200"],
  );
  for (const word of [
    "lockdown=confidentiality",
    "module.sig_enforce=1",
    "init_on_free=1",
    "slab_nomerge",
    "page_alloc.shuffle=1",
    "randomize_kstack_offset=on",
    "vsyscall=none",
    "debugfs=off",
    "ipv6.disable_ipv6=1",
    "systemd.import_credentials=no",
  ])
    assert.ok(words.includes(word), word);
});

test("planDisk: the UKI must leave room for another", () => {
  const checks = planDisk(INPUTS, ROOT_HASH)
    .flatMap(({ actions }) => actions)
    .filter((action) => action.kind === "checkFits");
  assert.deepEqual(checks, [
    {
      kind: "checkFits",
      path: "/c/qemu/cepa.efi",
      sizeBytes: profile.sizes.espBytes / 3,
      place: "a third of the ESP",
    },
  ]);
});

test("parseDefinitions: comments and empty lines are none", () =>
  assert.deepEqual(parseDefinitions("# why\nfoo\n\n  bar # because\nbaz"), ["foo", "bar", "baz"]));

test("parsePackages: of dpkg-query", () =>
  assert.deepEqual(parsePackages("libc6 2.41-12 13223\nsystemd 257.8-1~deb13u2 9944\n"), [
    { name: "libc6", version: "2.41-12", installedBytes: 13_540_352 },
    { name: "systemd", version: "257.8-1~deb13u2", installedBytes: 10_182_656 },
  ]));
