import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { nodeExec } from "../../core/node/exec.ts";
import { Secret } from "../../core/secret.ts";
import {
  AUTHORITY_KEY,
  createAuthority,
  issueCrl,
  issueSensorCertificate,
  issueServerCertificate,
  openAuthority,
  readCrl,
  readRequest,
} from "../../provider/ca/authority.ts";

const NOW_MS = Date.now();
const DAY_MS = 86_400_000;
const ID = "0011223344556677";
const passphrase = () => new Secret(Buffer.from("a passphrase"));

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "cepa-ca-"));
  try {
    await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const openssl = (args: readonly string[]) => nodeExec("openssl", args, AbortSignal.timeout(20_000));

test("openssl believes the CA, its certificates for their purpose only, and its CRL", () =>
  withFolder(async (folder) => {
    const authority = await createAuthority(folder, passphrase(), NOW_MS);
    const keyPath = join(folder, "box.key");
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    await writeFile(keyPath, privateKey.export({ format: "pem", type: "pkcs8" }));
    const { stdout: csr } = await openssl(["req", "-new", "-key", keyPath, "-subj", `/CN=${ID}`]);
    const request = await readRequest(csr);
    assert.equal(request?.commonName, ID);
    if (request === undefined) return;
    const issued = await issueSensorCertificate(authority, ID, request.publicKey, NOW_MS);
    const certificate = new X509Certificate(issued.pem);
    assert.equal(certificate.subject, `CN=${ID}`);
    assert.equal(certificate.serialNumber.toLowerCase(), issued.serial);
    assert.ok(certificate.checkPrivateKey(privateKey));
    assert.equal(Math.round((NOW_MS - Date.parse(certificate.validFrom)) / DAY_MS), 1, "backdated by a day");
    const server = await issueServerCertificate(authority, "cepa-base", [{ type: "ip", value: "10.213.0.1" }], NOW_MS);
    assert.equal(new X509Certificate(server.certificatePem).subjectAltName, "IP Address:10.213.0.1");

    const [ca, box, base, crl] = ["ca.crt", "box.crt", "base.crt", "crl.pem"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
      string,
    ];
    await writeFile(box, issued.pem);
    await writeFile(base, server.certificatePem);
    await writeFile(crl, await issueCrl(authority, [], NOW_MS));
    const verify = (purpose: string, file: string) =>
      openssl(["verify", "-x509_strict", "-crl_check", "-CRLfile", crl, "-CAfile", ca, "-purpose", purpose, file]);
    await verify("sslclient", box);
    await verify("sslserver", base);
    await assert.rejects(verify("sslserver", box));
    await assert.rejects(verify("sslclient", base));
    const pem = await issueCrl(authority, [{ serialNumber: issued.serial, revokedAtMs: NOW_MS }], NOW_MS);
    await writeFile(crl, pem);
    await assert.rejects(verify("sslclient", box), /certificate revoked/);
    await verify("sslserver", base);
    assert.deepEqual(readCrl(pem), { expiresAtMs: Math.floor((NOW_MS + 7 * DAY_MS) / 1000) * 1000, revoked: 1 });
    assert.deepEqual(readCrl("garbage"), { expiresAtMs: 0, revoked: 0 });
  }));

test("requests that are refused: another key type, another's signature, no request", async () =>
  withFolder(async (folder) => {
    const make = async (args: readonly string[], subject = `/CN=${ID}`) => {
      const key = join(folder, "key");
      await openssl(["genpkey", ...args, "-out", key]);
      return (await openssl(["req", "-new", "-key", key, "-subj", subject])).stdout;
    };
    const ec = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    const good = await make(ec);
    const der = Buffer.from(good.replace(/-----[^-]+-----|\n/g, ""), "base64");
    der[der.indexOf(ID)] = 0x31; // the CN, after it was signed
    const changed = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
    assert.equal((await readRequest(good))?.commonName, ID);
    const bad = [
      changed,
      await make(["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
      await make(["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
      await make(ec, `/CN=${ID}/CN=other`),
      await make(ec, "/O=none"),
      "",
      "no request",
      good.slice(0, 200),
    ];
    for (const text of bad) assert.equal(await readRequest(text), undefined, text);
  }));

test("the CA's key opens with its passphrase only, and a second CA is never made over it", () =>
  withFolder(async (folder) => {
    await createAuthority(folder, passphrase(), NOW_MS);
    const sealed = await readFile(join(folder, AUTHORITY_KEY), "utf8");
    await openAuthority(folder, passphrase());
    await assert.rejects(openAuthority(folder, new Secret(Buffer.from("another one"))), { code: "wrongPassphrase" });
    await assert.rejects(createAuthority(folder, passphrase(), NOW_MS), { code: "exists" });
    assert.equal(await readFile(join(folder, AUTHORITY_KEY), "utf8"), sealed);
    await assert.rejects(openAuthority(join(folder, "nowhere"), passphrase()), { code: "noState" });
  }));
