import { createECDH, createPrivateKey, sign } from "node:crypto";
import type { RandomStream } from "./random-stream.ts";

/** Distinguished Encoding Rules (ITU-T X.690), as far as certificates want it. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const lengthOctets = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...lengthOctets]), content]);
}

const hex = (text: string) => Buffer.from(text, "hex");
const sequence = (...parts: readonly Uint8Array[]) => der(0x30, ...parts);
const octetString = (...parts: readonly Uint8Array[]) => der(0x04, ...parts);
const bitString = (bytes: Uint8Array) => der(0x03, Buffer.of(0), bytes);
const utcTime = (text: string) => der(0x17, Buffer.from(text));

const ED25519 = sequence(hex("06032b6570")); // RFC 8410
const ED25519_PRIVATE_PREFIX = hex("302e020100300506032b657004220420");
const EC_P256 = sequence(hex("06072a8648ce3d0201"), hex("06082a8648ce3d030107")); // RFC 5480
const OID_COMMON_NAME = hex("0603550403");
const OID_ORGANISATION = hex("060355040a");

function name(commonName: string): Buffer {
  const attribute = (oid: Uint8Array, text: string) => der(0x31, sequence(oid, der(0x0c, Buffer.from(text))));
  return sequence(attribute(OID_ORGANISATION, "Bench"), attribute(OID_COMMON_NAME, commonName));
}

function extension(oid: string, value: Uint8Array): Buffer {
  return sequence(hex(oid), octetString(value));
}

/** Two signed certificate timestamps of version 1, by ECDSA with SHA-256 (RFC 6962, sections 3.2 and 3.3). */
function timestampList(random: RandomStream): Buffer {
  const timestamps = [0, 1].map(() =>
    Buffer.concat([hex("007600"), random.bytes(32), hex("0000019000000000"), hex("000004030047"), random.bytes(71)]),
  );
  return Buffer.concat([hex("00f0"), ...timestamps]);
}

/**
 * A chain of two X.509 certificates (RFC 5280) for a host: its own, with a P-256 key, and the authority's that signed it with
 * Ed25519. The same stream gives the same octets; the keys are nowhere kept.
 */
export function makeCertificateChain(random: RandomStream, authorityName: string, hostName: string): readonly Buffer[] {
  const authorityKey = createPrivateKey({
    key: Buffer.concat([ED25519_PRIVATE_PREFIX, random.bytes(32)]),
    format: "der",
    type: "pkcs8",
  });
  const authorityPublic = sequence(ED25519, bitString(random.bytes(32)));
  const hostKey = createECDH("prime256v1");
  hostKey.setPrivateKey(Buffer.concat([Buffer.of(1), random.bytes(31)]));
  const hostPublic = sequence(EC_P256, bitString(hostKey.getPublicKey()));
  const alternatives = [hostName, `www.${hostName}`, `static.${hostName}`].map((text) => der(0x82, Buffer.from(text)));
  const issue = (subject: string, publicKey: Uint8Array, ...extensions: readonly Uint8Array[]) => {
    const toBeSigned = sequence(
      der(0xa0, hex("020102")),
      der(0x02, Buffer.of(0x4a), random.bytes(15)),
      ED25519,
      name(authorityName),
      sequence(utcTime("240101000000Z"), utcTime("340101000000Z")),
      name(subject),
      publicKey,
      der(0xa3, sequence(...extensions)),
    );
    return sequence(toBeSigned, ED25519, bitString(sign(null, toBeSigned, authorityKey)));
  };
  const timestamps = extension("060a2b06010401d679020402", octetString(timestampList(random)));
  return [
    issue(
      hostName,
      hostPublic,
      extension("0603551d11", sequence(...alternatives)),
      extension("0603551d0f", hex("03020780")),
      extension("0603551d0e", octetString(random.bytes(20))),
      timestamps,
    ),
    issue(authorityName, authorityPublic, extension("0603551d13", hex("30030101ff"))),
  ];
}
