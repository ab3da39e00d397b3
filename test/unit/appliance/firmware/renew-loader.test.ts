import assert from "node:assert/strict";
import { test } from "node:test";
import { LOADER_PLACES } from "../../../../appliance/firmware/loader-plan.ts";
import { parseStartedPlace } from "../../../../appliance/firmware/renew-loader.ts";
import { decodeSignedProgram } from "../../../../appliance/firmware/signed-program.ts";
import { SHA256_SIGNATURE, X509_SIGNATURE } from "../../../../core/efi-signature-list.ts";
import { makeProgram, makeSignerCertificate, signProgram } from "../../../support/boot-loaders.ts";
import { assertSurvives, CUT_KINDS, LoaderBox, memoryEsp } from "../../../support/loader-box.ts";

const OLD_KEY = makeSignerCertificate(1);
const NEW_KEY = makeSignerCertificate(2);
const NEW_PROGRAM = makeProgram("systemd-boot 2");
const OLD = signProgram(makeProgram("systemd-boot 1"), OLD_KEY, 1);
const NEW = signProgram(NEW_PROGRAM, NEW_KEY, 2);
const NEWER = signProgram(makeProgram("systemd-boot 3"), NEW_KEY, 2);
const NOW = { atMs: 1_700_000_000_000 };
const ON = Uint8Array.of(1);

function boxWith(content: Uint8Array = NEW, version = "2.0"): LoaderBox {
  const box = new LoaderBox(memoryEsp(OLD));
  box.bring(version, content);
  return box;
}

/** A list of one entry (UEFI 2.10, section 32.4.1). */
function listOf(type: string, data: Uint8Array): Uint8Array {
  const hex = type.replaceAll("-", "");
  const guid = [...[6, 4, 2, 0, 10, 8, 14, 12].map((at) => hex.slice(at, at + 2)), hex.slice(16)].join("");
  const list = Buffer.alloc(28 + 16 + data.length);
  list.write(guid, 0, "hex");
  for (const [at, value] of [list.length, 0, 16 + data.length].entries()) list.writeUInt32LE(value, 16 + 4 * at);
  list.set(data, 44);
  return list;
}

/** How many copies are what; in the order of LOADER_PLACES. */
async function look(box: LoaderBox): Promise<string> {
  const names = new Map([OLD, NEW, NEWER].map((loader, at) => [loader.toHex(), ["old", "new", "newer"][at]]));
  return (await box.copies()).map((content) => names.get(content?.toHex() ?? "") ?? "broken").join(" ");
}

test("first where the firmware starts, then everywhere once the box has started by it", async () => {
  const box = boxWith();
  await box.start();
  const tried = await box.renew("2.0");
  assert.deepEqual(tried, { ...tried, ...NOW, version: "2.0", info: "systemd-boot 2", result: "tried", detail: "" });
  assert.equal(await look(box), "new old old old old");
  await box.renew("2.0"); // once more in the same start: that proves nothing
  assert.equal(await look(box), "new old old old old");
  await box.start();
  assert.equal((await box.renew("2.0"))?.result, "everywhere");
  assert.equal(await look(box), "new new new new new");
  assert.equal(box.wanted.size, 0);
  assert.equal(await box.renew("2.0"), undefined);
});

test("the same loader, signed at another time, is there already: nothing is written", async () => {
  const box = boxWith(signProgram(makeProgram("systemd-boot 1"), OLD_KEY, 1, 50));
  await box.start();
  assert.equal((await box.renew("2.0"))?.result, "everywhere");
  assert.equal(await look(box), "old old old old old");
});

test("a firmware that does not start it goes on to the next copy; the former one comes back, and stays", async () => {
  const box = boxWith();
  box.takes = ({ loaderInfo }) => loaderInfo !== "systemd-boot 2";
  await box.start();
  await box.renew("2.0");
  assert.equal(await look(box), "new old old old old");
  await box.start();
  assert.equal(box.started, LOADER_PLACES[1]);
  assert.equal((await box.renew("2.0"))?.result, "passedOver");
  assert.equal(await look(box), "old old old old old");
  await box.start();
  assert.equal(await box.renew("2.0"), undefined);
  assert.equal(await look(box), "old old old old old");
  box.bring("3.0", NEWER);
  await assertSurvives(box, "3.0", NEWER, []);
});

test("one that was tried is what the next version's is tried over", async () => {
  const box = boxWith();
  await box.start();
  await box.renew("2.0");
  box.bring("3.0", NEWER);
  await box.start();
  assert.equal((await box.renew("3.0"))?.result, "tried");
  assert.equal(await look(box), "newer new new new new");
  assert.deepEqual([...box.wanted.keys()], ["3.0"]);
});

test("the one of a version that gave way is never written, nor one older than what is there", async () => {
  const box = boxWith(NEWER, "3.0");
  box.bring("2.0", NEW);
  await assertSurvives(box, "2.0", NEW, []);
  const former = box.record;
  box.bring("1.9", OLD);
  await box.start();
  assert.equal(await box.renew("1.9"), former);
  assert.equal(await look(box), "new new new new new");
  assert.equal(box.wanted.size, 0);
});

for (const { name, content = NEW, variables = {}, isGood = true, expected, isKept = true } of [
  {
    name: "a version that is still counted",
    isGood: false,
    expected: { result: "waiting", detail: "2.0 is not found good yet", info: "systemd-boot 2" },
  },
  {
    name: "the firmware's db has another key",
    variables: { SecureBoot: ON, db: listOf(X509_SIGNATURE, OLD_KEY) },
    expected: {
      ...{ result: "waiting", info: "systemd-boot 2" },
      detail: "the firmware's db lacks the key that signed it, or its dbx has it",
    },
  },
  {
    name: "the firmware's dbx has the key",
    variables: {
      ...{ SecureBoot: ON, db: listOf(X509_SIGNATURE, NEW_KEY), dbx: listOf(X509_SIGNATURE, NEW_KEY) },
    },
    expected: {
      ...{ result: "waiting", info: "systemd-boot 2" },
      detail: "the firmware's db lacks the key that signed it, or its dbx has it",
    },
  },
  {
    name: "the firmware's dbx has its hash",
    variables: {
      ...{ SecureBoot: ON, db: listOf(X509_SIGNATURE, NEW_KEY) },
      dbx: listOf(SHA256_SIGNATURE, Buffer.from(decodeSignedProgram(NEW)?.digest ?? "", "hex")),
    },
    expected: { result: "waiting", info: "systemd-boot 2", detail: "the firmware's dbx has it" },
  },
  {
    name: "a db that can't be read",
    variables: { SecureBoot: ON, db: Uint8Array.of(1, 2, 3) },
    expected: { result: "waiting", info: "systemd-boot 2", detail: "the firmware's db or dbx can't be read" },
  },
  {
    name: "no boot loader",
    content: signProgram(makeProgram("a shell"), NEW_KEY, 2),
    expected: { result: "failed", info: "", detail: "the set's is no boot loader that is whole and signed" },
    isKept: false,
  },
  {
    name: "unsigned",
    content: NEW_PROGRAM,
    expected: { result: "failed", info: "", detail: "the set's is no boot loader that is whole and signed" },
    isKept: false,
  },
])
  test(`nothing is written: ${name}`, async () => {
    const box = boxWith(content);
    Object.assign(box.esp, { isFoundGood: async () => isGood });
    for (const [key, value] of Object.entries(variables)) box.variables.set(key, value);
    await box.start();
    assert.deepEqual(await box.renew("2.0"), { ...NOW, version: "2.0", ...expected, tried: null });
    assert.equal(await look(box), "old old old old old");
    assert.deepEqual([...box.wanted.keys()], isKept ? ["2.0"] : []);
  });

test("with its key in db, and Secure Boot on, it is brought", async () => {
  const box = boxWith();
  box.variables.set("SecureBoot", ON);
  box.variables.set("db", Buffer.concat([listOf(X509_SIGNATURE, OLD_KEY), listOf(X509_SIGNATURE, NEW_KEY)]));
  await assertSurvives(box, "2.0", NEW, []);
});

test("what was kept is not what was installed: nothing is written, and it is not looked at again", async () => {
  const box = boxWith();
  box.wanted.set("2.0", { content: NEWER, sha256: box.wanted.get("2.0")?.sha256 ?? "" });
  await box.start();
  const report = await box.renew("2.0");
  assert.deepEqual([report?.result, report?.detail], ["failed", "it is not what was installed"]);
  assert.equal(await look(box), "old old old old old");
  assert.equal(box.wanted.size, 0);
});

test("shim is not replaced: what it starts is no copy of ours", async () => {
  const box = boxWith();
  await box.start();
  box.variables.set("LoaderImageIdentifier", Buffer.from("\\EFI\\cepa\\grubx64.efi\0", "utf16le"));
  assert.equal((await box.renew("2.0"))?.detail, "the firmware started this box by no boot loader of ours");
  assert.equal(await look(box), "old old old old old");
});

test("a copy that does not come out as it was written: no other is touched, and it is mended in the next start", async () => {
  const box = boxWith();
  await box.start();
  await box.renew("2.0");
  await box.start();
  const { move } = box.esp;
  box.esp.move = async (from, to) => {
    await move(from, to);
    await box.esp.remove(to);
  };
  const report = await box.renew("2.0");
  assert.deepEqual(
    [report?.result, report?.detail],
    ["failed", "EFI/cepa/boot-2.efi is not what was written; no other copy is touched"],
  );
  assert.equal(await look(box), "new broken old old old");
  box.esp.move = move;
  await assertSurvives(box, "2.0", NEW, []);
});

for (const kind of CUT_KINDS)
  test(`a power cut at any step of the first or second start, and another at any of the next: ${kind}`, async () => {
    const whole = boxWith();
    await assertSurvives(whole, "2.0", NEW, []);
    assert.ok(whole.steps > 15, `${whole.steps} steps`);
    for (const other of new Set([kind, "torn"] as const))
      for (const [undisturbed, firstSteps] of [
        [[], 7],
        [[{ afterSteps: 99, kind }], 14],
      ] as const)
        for (let cutAt = 0; cutAt < firstSteps * 14; cutAt++) {
          const cuts = [
            ...undisturbed,
            { afterSteps: Math.floor(cutAt / 14), kind },
            { afterSteps: cutAt % 14, kind: other },
          ];
          const box = boxWith();
          await assertSurvives(box, "2.0", NEW, cuts);
          assert.equal(box.record?.result, "everywhere");
          const refusing = boxWith();
          refusing.takes = ({ loaderInfo }) => loaderInfo !== "systemd-boot 2";
          await assertSurvives(refusing, "2.0", OLD, cuts);
          assert.equal(refusing.record?.result, "passedOver");
        }
  });

for (const [path, place] of [
  ["\\EFI\\cepa\\boot-2.efi\0", "EFI/cepa/boot-2.efi"],
  ["\\EFI\\BOOT\\bootx64.efi\0\0", "EFI/BOOT/BOOTX64.EFI"],
  ["EFI\\CEPA\\BOOT-4.EFI", "EFI/cepa/boot-4.efi"],
  ["\\EFI\\cepa\\boot-5.efi\0", undefined],
  ["", undefined],
] as const)
  test(`parseStartedPlace: ${JSON.stringify(path)}`, () =>
    assert.equal(parseStartedPlace(Buffer.from(path, "utf16le")), place));
