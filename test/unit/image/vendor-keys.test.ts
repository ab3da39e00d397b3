import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { nodeExec } from "../../../core/node/exec.ts";
import { makeCertificate } from "../../../image/signing-certificate.ts";
import { readVendorKeys, VendorKeysError } from "../../../image/vendor-keys.ts";

const folder = await mkdtemp(join(tmpdir(), "cepa-vendor-"));
after(() => rm(folder, { recursive: true }));
const signal = AbortSignal.timeout(60_000);

/** One X.509 list of one signature of three octets: the firmware would not take it, but it is whole. */
const LIST = Buffer.from(`a159c0a5e494a74a87b5ab155c2bf0722f0000000000000013000000${"ab".repeat(16)}300100`, "hex");

test("readVendorKeys: none, in any folder that has none", async () => {
  assert.equal(await readVendorKeys(folder), undefined);
  await mkdir(join(folder, "vendor/KEK"), { recursive: true });
  await mkdir(join(folder, "vendor/db"));
  assert.equal(await readVendorKeys(folder), undefined);
});

test("readVendorKeys: certificates and lists by name", async () => {
  await makeCertificate(join(folder, "vendor/db"), "b", "Vendor", nodeExec, signal);
  await rm(join(folder, "vendor/db/b.key"));
  await writeFile(join(folder, "vendor/db/a.esl"), LIST);
  await writeFile(join(folder, "vendor/KEK/box.esl"), LIST);
  assert.deepEqual(await readVendorKeys(folder), { KEK: ["box.esl"], db: ["a.esl", "b.crt"] });
});

for (const { name, content, message } of [
  {
    name: "c.esl",
    content: LIST.subarray(1),
    message: /vendor\/db\/c\.esl: expected signature lists: \S+ at octet \d+/,
  },
  { name: "c.esl", content: Buffer.concat([Buffer.alloc(4, 0x27), LIST]), message: /efivarfs has four octets/ },
  { name: "c.esl", content: "", message: /no key is in it/ },
  { name: "c.crt", content: Buffer.of(0x30, 0x82), message: /as PEM; `openssl x509 -inform der/ },
  {
    name: "c.crt",
    content: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    message: /c\.crt: expected a certificate: /,
  },
  { name: "c d.crt", content: "", message: /expected NAME\.crt or NAME\.esl/ },
  { name: "c.auth", content: "", message: /expected NAME\.crt or NAME\.esl/ },
])
  test(`readVendorKeys: ${name} that is refused, since ${message.source}`, async () => {
    const path = join(folder, "vendor/db", name);
    await writeFile(path, content);
    await assert.rejects(readVendorKeys(folder), (error) => {
      assert.ok(error instanceof VendorKeysError);
      assert.match(error.message, message);
      return true;
    });
    await rm(path);
  });
