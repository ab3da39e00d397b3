import assert from "node:assert/strict";
import { test } from "node:test";
import type { ImageInputs } from "../../../image/image-inputs.ts";
import { parsePackages } from "../../../image/manifest.ts";
import { parseDefinitions, planDisk, planRoot } from "../../../image/plan.ts";
import { findProfile, type ImageProfile } from "../../../image/profile.ts";
import type { SecureBootKeys } from "../../../image/secure-boot-keys.ts";
import { renderAction } from "../../../image/step.ts";
import { renderCommandLine } from "../../../image/uki.ts";

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
  isLocked: false,
  definitions: {
    toolsPackages: ["erofs-utils"],
    rootPackages: ["systemd", "openvpn"],
    rootRemoved: ["var/*"],
    rootPrograms: ["usr/bin/mount"],
    rootLibraries: ["libgcc_s.so.1"],
    rootModules: ["tun"],
  },
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
      ["measure", ["uki"]],
      ["sign", ["uki", "measure"]],
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
    [["system", ["/p/overlay", "/p/image/profiles/qemu/overlay", "/d/cepa-sensor", "/d/native", "/p/image/tree"]]],
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

test("planRoot: locked packages come from what is kept alone, and the lock decides when trees are made anew", () => {
  const [tools, root] = planRoot({ ...INPUTS, isLocked: true });
  for (const [step, index] of [
    [tools, "locked-tools/"],
    [root, "locked-root/"],
  ] as const) {
    assert.ok(step !== undefined);
    const rendered = step.actions.map(renderAction).join("\n");
    assert.match(rendered, new RegExp(` deb \\[trusted=yes\\] copy:///c/packages ${index}`));
    assert.doesNotMatch(rendered, /m\.example/);
    assert.ok(step.inputs.includes("/p/image/locks/qemu.json"));
    assert.deepEqual(step.ignored, ['--aptopt=Acquire::Check-Date "false";']);
  }
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
    "init_on_alloc=1",
    "slab_nomerge",
    "page_alloc.shuffle=1",
    "randomize_kstack_offset=on",
    "vsyscall=none",
    "debugfs=off",
    "ipv6.disable_ipv6=1",
    "usbcore.authorized_default=0",
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
  assert.deepEqual(
    parsePackages(
      "libc6 2.41-12 13223 glibc 2.41-12 amd64 libs\n" +
        "intel-microcode 3.20250812.1~deb13u1 9944 intel-microcode 3.20250812.1~deb13u1 amd64 non-free-firmware/admin\n",
    ),
    [
      {
        name: "libc6",
        version: "2.41-12",
        installedBytes: 13_540_352,
        source: "glibc",
        sourceVersion: "2.41-12",
        architecture: "amd64",
        section: "libs",
      },
      {
        name: "intel-microcode",
        version: "3.20250812.1~deb13u1",
        installedBytes: 10_182_656,
        source: "intel-microcode",
        sourceVersion: "3.20250812.1~deb13u1",
        architecture: "amd64",
        section: "non-free-firmware/admin",
      },
    ],
  ));

test("planDisk: with keys all that the firmware starts is signed, and the disk can enrol them; without, neither", () => {
  const keys = { folder: "/k", ownerGuid: "0b5a2bd5-6f0c-4a4e-8d5e-2f6b1a7c9d10" };
  const render = (inputs: ImageInputs) =>
    Object.fromEntries(
      planDisk(inputs, ROOT_HASH).map(({ name, actions }) => [name, actions.map(renderAction).join("\n")]),
    );
  const signed = render({ ...INPUTS, keys });
  for (const [file, source] of [
    ["systemd-bootx64.efi", "systemd-bootx64.efi"],
    ["cepa.efi", "signed/measured.efi"],
  ] as const)
    assert.match(
      signed.sign ?? "",
      new RegExp(`sbsign --key /keys/db.key .*--output /work/signed/${file} /work/${source} && sbverify`),
    );
  for (const [key, signer] of [
    ["PK", "PK"],
    ["KEK", "PK"],
    ["db", "KEK"],
  ] as const) {
    assert.match(signed.sign ?? "", new RegExp(`sign-efi-sig-list .*-k /keys/${signer}.key .* ${key} `));
    assert.match(signed.disk ?? "", new RegExp(`copy .*/signed/${key}.auth to .*/esp/loader/keys/auto/${key}.auth`));
  }
  assert.ok(
    !JSON.stringify(planDisk({ ...INPUTS, keys }, ROOT_HASH)).includes("/k/db.key"),
    "no private key is copied",
  );
  // What is signed is the kernel that was measured, with the signature of its measurement added.
  const ukify = (text = "") => /ukify build (.*) --output=/.exec(text)?.[1];
  assert.equal(ukify(signed.sign), `${ukify(signed.uki)} --section=.pcrsig:@/work/signed/pcrsig.json`);
  assert.match(signed.uki ?? "", /--pcrpkey=\/work\/pcr\.pub/);
  const unsigned = render(INPUTS);
  assert.doesNotMatch(unsigned.uki ?? "", /pcr/);
  assert.doesNotMatch(`${unsigned.sign}${unsigned.disk}`, /sbsign|\.auth|keys/);
  assert.match(unsigned.disk ?? "", /signed\/cepa\.efi to .*EFI\/Linux/);
});

test("planRoot: the next db's certificate is in the root, when there is one; planDisk: enrolment has the vendor's keys that are kept", () => {
  const keys: SecureBootKeys = {
    ...{ folder: "/k", ownerGuid: "0b5a2bd5-6f0c-4a4e-8d5e-2f6b1a7c9d10" },
    hasNextDb: true,
    vendor: { KEK: [], db: ["a.esl", "b.crt"] },
  };
  const root = planRoot({ ...INPUTS, keys });
  const next = root.find(({ name }) => name === "next-db");
  assert.deepEqual(next?.inputs, ["/k/db-next.crt", "/k/KEK.crt", "/k/owner.guid"]);
  assert.match(next.actions.map(renderAction).join("\n"), /sign-efi-sig-list -a .*-k \/keys\/KEK\.key .* db /);
  const system = root.find(({ name }) => name === "system");
  assert.deepEqual(system?.after, ["root", "next-db"]);
  const laid = system.actions.map(renderAction);
  assert.ok(laid.includes("copy /c/qemu/db-next.auth to /c/qemu/system/usr/lib/cepa/db-next.auth"), laid.join("\n"));
  const { hasNextDb: _, ...without } = keys;
  assert.ok(!planRoot({ ...INPUTS, keys: without }).some(({ name }) => name === "next-db"));
  const sign = planDisk({ ...INPUTS, keys }, ROOT_HASH).find(({ name }) => name === "sign");
  for (const name of ["a.esl", "b.crt"]) assert.ok(sign?.inputs.includes(`/k/vendor/db/${name}`), name);
  const scripts = sign?.actions.map(renderAction) ?? [];
  const enrol = (key: string) => scripts.find((script) => script.includes(`/work/signed/${key}.auth`)) ?? "";
  assert.match(enrol("db"), /cat \/keys\/vendor\/db\/a\.esl .*cert-to-efi-sig-list -g \S+ \/keys\/vendor\/db\/b\.crt /);
  assert.doesNotMatch(enrol("PK") + enrol("KEK"), /vendor/);
});
