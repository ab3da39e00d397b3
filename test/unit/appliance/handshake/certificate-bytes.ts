import { bytesOf, concat, latin1 } from "./hello-bytes.ts";

/** A DER value (X.690, section 10). */
export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = concat(...parts);
  const length = body.length < 0x80 ? [body.length] : [0x82, body.length >>> 8, body.length & 0xff];
  return concat(Uint8Array.of(tag, ...length), body);
}

/** One part of a name: type in hexadecimal, string tag, value. */
export function namePart(type: string, tag: number, value: Uint8Array): Uint8Array {
  return der(0x31, der(0x30, der(0x06, bytesOf(type)), der(tag, value)));
}

export interface CertificateParts {
  readonly serial: string;
  readonly issuer: readonly Uint8Array[];
  readonly subject: readonly Uint8Array[];
  readonly notAfter: Uint8Array;
}

/** A certificate as far as its subject, with no key and no signature (RFC 5280, section 4.1). */
export function certificate({ serial, issuer, subject, notAfter }: CertificateParts): Uint8Array {
  const tbs = der(
    0x30,
    der(0xa0, der(0x02, Uint8Array.of(2))),
    der(0x02, bytesOf(serial)),
    der(0x30, der(0x06, bytesOf("2a864886f70d01010b"))),
    der(0x30, ...issuer),
    der(0x30, der(0x17, latin1("200101000000Z")), notAfter),
    der(0x30, ...subject),
  );
  return der(0x30, tbs);
}

export const COMMON_NAME = "550403";
export const ORGANISATION = "55040a";
export const UTF8 = 0x0c;
export const PRINTABLE = 0x13;
export const BMP = 0x1e;
