import "reflect-metadata";
import { randomBytes, webcrypto } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import * as x509 from "@peculiar/x509";
import { writeFileAtomically } from "../../core/node/atomic-file.ts";
import { makeFolder } from "../../core/node/make-folder.ts";
import { Secret } from "../../core/secret.ts";
import { openWithPassphrase, sealWithPassphrase } from "../keys/wrap.ts";
import { StateError } from "../state/settings.ts";

/** The provider's certificate authority: EC P-256, ECDSA with SHA-256 (RFC 5280, RFC 5758). */
const KEY_ALGORITHM = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGNATURE_ALGORITHM = { name: "ECDSA", hash: "SHA-256" } as const;
const LABEL = "cepa-ca-key";
export const AUTHORITY_CERTIFICATE = "ca.crt";
export const AUTHORITY_KEY = "ca.key.sealed";

const DAY_MS = 86_400_000;
/** A sensor's clock may be behind: certificates and CRLs are valid from a day before. */
const BACKDATE_MS = DAY_MS;
const AUTHORITY_LIFE_MS = 20 * 365 * DAY_MS;
const LEAF_LIFE_MS = 5 * 365 * DAY_MS;
export const CRL_LIFE_MS = 7 * DAY_MS;

export interface Authority {
  readonly certificate: x509.X509Certificate;
  readonly key: webcrypto.CryptoKey;
}

export interface Revocation {
  readonly serialNumber: string;
  readonly revokedAtMs: number;
}

export interface IssuedCertificate {
  readonly pem: string;
  /** Hexadecimal, lower case. */
  readonly serial: string;
  readonly notAfterMs: number;
}

/**
 * Makes the CA in `folder`: its certificate, and its key under the passphrase. Throws a StateError when there is one: what
 * it has certified would be lost with it.
 */
export async function createAuthority(folder: string, passphrase: Secret, nowMs: number): Promise<Authority> {
  const there = await readdir(folder).catch((): string[] => []);
  if (there.includes(AUTHORITY_KEY) || there.includes(AUTHORITY_CERTIFICATE))
    throw new StateError("exists", `${folder}: there is a CA here already; nothing was changed`);
  const keys = (await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: newSerial(),
      name: `CN=Cepa CA ${randomBytes(4).toString("hex")}`,
      notBefore: new Date(nowMs - BACKDATE_MS),
      notAfter: new Date(nowMs + AUTHORITY_LIFE_MS),
      signingAlgorithm: SIGNATURE_ALGORITHM,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto as Crypto),
      ],
    },
    webcrypto as Crypto,
  );
  const der = new Secret(new Uint8Array(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)));
  await makeFolder(folder, 0o700);
  await writeFileAtomically(join(folder, AUTHORITY_KEY), await sealWithPassphrase(passphrase, der, LABEL));
  der.wipe();
  await writeFileAtomically(join(folder, AUTHORITY_CERTIFICATE), `${certificate.toString("pem")}\n`, 0o644);
  return { certificate, key: keys.privateKey };
}

/** Throws a StateError: there is no CA in `folder`, or the passphrase is not its. */
export async function openAuthority(folder: string, passphrase: Secret): Promise<Authority> {
  const read = (name: string) =>
    readFile(join(folder, name), "utf8").catch((cause: Error) => {
      throw new StateError("noState", `the CA is not at hand: ${cause.message}`, { cause });
    });
  const certificate = new x509.X509Certificate(await read(AUTHORITY_CERTIFICATE));
  const der = await openWithPassphrase(passphrase, await read(AUTHORITY_KEY), LABEL);
  if (der === undefined)
    throw new StateError("wrongPassphrase", `${folder}: the passphrase does not open the CA's key`);
  const pkcs8 = Uint8Array.from(der.reveal());
  der.wipe();
  const key = await webcrypto.subtle.importKey("pkcs8", pkcs8, KEY_ALGORITHM, false, ["sign"]);
  pkcs8.fill(0);
  return { certificate, key };
}

/** A certificate for one of base's servers. `addresses` and `names` go into subjectAltName. */
export async function issueServerCertificate(
  authority: Authority,
  commonName: string,
  alternatives: readonly x509.JsonGeneralName[],
  nowMs: number,
): Promise<{ readonly certificatePem: string; readonly keyPem: string }> {
  const keys = (await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const san = alternatives.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension([...alternatives])];
  const usage = x509.ExtendedKeyUsage.serverAuth;
  const issued = await issue(authority, commonName, keys.publicKey, usage, san, nowMs);
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { certificatePem: issued.pem, keyPem: `${x509.PemConverter.encode(pkcs8, "PRIVATE KEY")}\n` };
}

/** The request's key and CN; undefined when it is no PKCS #10 of EC P-256 that its own key signed. */
export async function readRequest(
  csrPem: string,
): Promise<{ readonly commonName: string; readonly publicKey: x509.PublicKey } | undefined> {
  try {
    const request = new x509.Pkcs10CertificateRequest(csrPem);
    const algorithm = request.publicKey.algorithm as { name?: string; namedCurve?: string };
    const names = request.subjectName.getField("CN");
    const isOurs = algorithm.name === "ECDSA" && algorithm.namedCurve === "P-256" && names.length === 1;
    if (!isOurs || !(await request.verify(webcrypto as Crypto))) return undefined;
    return { commonName: names[0] ?? "", publicKey: request.publicKey };
  } catch {
    return undefined;
  }
}

export function issueSensorCertificate(
  authority: Authority,
  sensorId: string,
  publicKey: x509.PublicKey,
  nowMs: number,
): Promise<IssuedCertificate> {
  return issue(authority, sensorId, publicKey, x509.ExtendedKeyUsage.clientAuth, [], nowMs);
}

async function issue(
  authority: Authority,
  commonName: string,
  publicKey: webcrypto.CryptoKey | x509.PublicKey,
  usage: x509.ExtendedKeyUsage,
  extensions: readonly x509.Extension[],
  nowMs: number,
): Promise<IssuedCertificate> {
  const serial = newSerial();
  const notAfter = new Date(Math.min(nowMs + LEAF_LIFE_MS, authority.certificate.notAfter.getTime()));
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serial,
      subject: `CN=${commonName}`,
      issuer: authority.certificate.subject,
      notBefore: new Date(nowMs - BACKDATE_MS),
      notAfter,
      signingAlgorithm: SIGNATURE_ALGORITHM,
      publicKey,
      signingKey: authority.key,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([usage]),
        await x509.SubjectKeyIdentifierExtension.create(publicKey, false, webcrypto as Crypto),
        await x509.AuthorityKeyIdentifierExtension.create(authority.certificate, false, webcrypto as Crypto),
        ...extensions,
      ],
    },
    webcrypto as Crypto,
  );
  return { pem: `${certificate.toString("pem")}\n`, serial, notAfterMs: notAfter.getTime() };
}

/** PEM of a CRL (RFC 5280, section 5) that lives for CRL_LIFE_MS. */
export async function issueCrl(authority: Authority, revoked: readonly Revocation[], nowMs: number): Promise<string> {
  const crl = await x509.X509CrlGenerator.create(
    {
      issuer: authority.certificate.subject,
      thisUpdate: new Date(nowMs - BACKDATE_MS),
      nextUpdate: new Date(nowMs + CRL_LIFE_MS),
      signingAlgorithm: SIGNATURE_ALGORITHM,
      signingKey: authority.key,
      entries: revoked.map(({ serialNumber, revokedAtMs }) => ({
        serialNumber,
        revocationDate: new Date(revokedAtMs),
      })),
    },
    webcrypto as Crypto,
  );
  // The label of RFC 7468, section 6; the library's own is not what OpenSSL reads.
  const pem = `${x509.PemConverter.encode(crl.rawData, "X509 CRL")}\n`;
  if (!(await crl.verify({ publicKey: authority.certificate }, webcrypto as Crypto)))
    throw new Error("the CRL that was just signed does not verify");
  createSecureContext({ crl: pem }); // throws when OpenSSL can't read it: OpenVPN would refuse every sensor
  return pem;
}

/** When a CRL runs out, Unix milliseconds, and how many certificates it refuses; one that can't be read ran out in 1970. */
export function readCrl(pem: string): { readonly expiresAtMs: number; readonly revoked: number } {
  try {
    const crl = new x509.X509Crl(x509.PemConverter.decodeFirst(pem));
    return { expiresAtMs: crl.nextUpdate?.getTime() ?? 0, revoked: crl.entries.length };
  } catch {
    return { expiresAtMs: 0, revoked: 0 };
  }
}

/** 16 random octets, positive and without leading zeros (RFC 5280, section 4.1.2.2). */
function newSerial(): string {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial.toString("hex");
}
