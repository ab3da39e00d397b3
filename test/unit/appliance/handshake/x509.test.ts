import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { decodeCertificate } from "../../../../appliance/handshake/x509.ts";
import { BMP, COMMON_NAME, certificate, der, namePart, ORGANISATION, PRINTABLE, UTF8 } from "./certificate-bytes.ts";
import { bytesOf, latin1 } from "./hello-bytes.ts";

const UTC_2031 = der(0x17, latin1("310203040506Z"));
const PLAIN = { serial: "01", issuer: [], subject: [], notAfter: UTC_2031 };

for (const { name, parts, expected } of [
  {
    name: "names run from the last part to the first",
    parts: {
      ...PLAIN,
      serial: "00f0a1",
      issuer: [namePart(ORGANISATION, PRINTABLE, latin1("Example CA"))],
      subject: [namePart("550406", PRINTABLE, latin1("DE")), namePart(COMMON_NAME, UTF8, latin1("a.example"))],
    },
    expected: { serial: "f0a1", issuer: "O=Example CA", subject: "CN=a.example,C=DE", notAfter: 1927857906 },
  },
  {
    name: "what must be escaped",
    parts: { ...PLAIN, subject: [namePart(COMMON_NAME, UTF8, latin1(' a,b+"c"\\<d>;e\n '))] },
    expected: {
      serial: "01",
      issuer: "",
      subject: 'CN=\\ a\\,b\\+\\"c\\"\\\\\\<d\\>\\;e\\0a\\ ',
      notAfter: 1927857906,
    },
  },
  {
    name: "a string of two octets a character, and a type without a name",
    parts: {
      ...PLAIN,
      subject: [namePart(COMMON_NAME, BMP, bytesOf("00e40062")), namePart("2a0304", UTF8, latin1("x"))],
    },
    expected: { serial: "01", issuer: "", subject: "1.2.3.4=#0c0178,CN=äb", notAfter: 1927857906 },
  },
  {
    name: "a time beyond 2050, east of Greenwich",
    parts: { ...PLAIN, notAfter: der(0x18, latin1("20510203040506+0100")) },
    expected: { serial: "01", issuer: "", subject: "", notAfter: 2559006306 + 0 },
  },
  {
    name: "a time that is none",
    parts: { ...PLAIN, notAfter: der(0x17, latin1("never")) },
    expected: { serial: "01", issuer: "", subject: "", notAfter: null },
  },
])
  test(`decodeCertificate: ${name}`, () => assert.deepEqual(decodeCertificate(certificate(parts)), expected));

test("decodeCertificate: a name of any length takes bounded room", () => {
  const part = namePart(ORGANISATION, PRINTABLE, latin1("x".repeat(900)));
  const facts = decodeCertificate(certificate({ ...PLAIN, subject: Array.from({ length: 60 }, () => part) }));
  assert.match(facts?.subject ?? "", /^O=x{900}(?:,O=x{900}){2}$/);
});

test("decodeCertificate: what is no certificate", () => {
  for (const hex of ["", "30", "3000", "30023000", "3080", "30053003020101", "3084ffffffff", "1f8101"])
    assert.doesNotThrow(() => decodeCertificate(bytesOf(hex)), hex);
  assert.equal(decodeCertificate(bytesOf("3004300202ff")), undefined);
});

test("decodeCertificate: one that OpenSSL makes", () => {
  const folder = mkdtempSync(join(tmpdir(), "x509-"));
  try {
    const path = join(folder, "certificate.pem");
    const request = ["req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "30", "-keyout", join(folder, "key.pem")];
    execFileSync("openssl", [...request, "-subj", "/C=DE/O=Example, Inc./CN=a.example", "-out", path], {
      stdio: "pipe",
    });
    const made = new X509Certificate(readFileSync(path));
    assert.deepEqual(decodeCertificate(Uint8Array.from(made.raw)), {
      subject: "CN=a.example,O=Example\\, Inc.,C=DE",
      issuer: "CN=a.example,O=Example\\, Inc.,C=DE",
      serial: made.serialNumber.toLowerCase(),
      notAfter: made.validToDate.getTime() / 1000,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("decodeCertificate: octets changed at random, and cut, never throw", () => {
  const whole = certificate({
    ...PLAIN,
    issuer: [namePart(COMMON_NAME, BMP, bytesOf("d800"))],
    subject: [namePart(COMMON_NAME, 0x1c, bytesOf("7fffffff")), namePart(ORGANISATION, UTF8, bytesOf("ff41"))],
  });
  const change = fc.record({ at: fc.nat(whole.length - 1), to: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 4 }), fc.nat(whole.length), (changes, length) => {
      const bytes = whole.slice();
      for (const { at, to } of changes) bytes[at] = to;
      decodeCertificate(bytes.subarray(0, length));
    }),
  );
});
