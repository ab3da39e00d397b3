/** Octets of handshake messages, built as RFC 8446, section 4, lays them out. */

export function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replace(/\s+/g, ""), "hex"));
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

/** A vector, behind a length of `lengthBytes`. */
export function vector(lengthBytes: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = concat(...parts);
  const bytes = Buffer.alloc(lengthBytes + body.length);
  bytes.writeUIntBE(body.length, 0, lengthBytes);
  bytes.set(body, lengthBytes);
  return Uint8Array.from(bytes);
}

export function uint16s(values: readonly number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [value >>> 8, value & 0xff]));
}

export function latin1(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "latin1"));
}

export interface Offer {
  readonly version: number;
  readonly cipherSuites: readonly number[];
  /** Types and bodies; undefined: a hello without the field. */
  readonly extensions?: readonly (readonly [number, Uint8Array])[];
  readonly cookie?: Uint8Array;
}

/** Body of a ClientHello. */
export function clientHelloBody(offer: Offer): Uint8Array {
  return concat(
    uint16s([offer.version]),
    new Uint8Array(32).fill(0x52),
    vector(1),
    ...(offer.cookie === undefined ? [] : [vector(1, offer.cookie)]),
    vector(2, uint16s(offer.cipherSuites)),
    vector(1, Uint8Array.of(0)),
    ...(offer.extensions === undefined
      ? []
      : [vector(2, ...offer.extensions.map(([type, body]) => concat(uint16s([type]), vector(2, body))))]),
  );
}

export function serverName(name: string): readonly [number, Uint8Array] {
  return [0x0000, vector(2, Uint8Array.of(0), vector(2, latin1(name)))];
}

export function alpn(...names: readonly string[]): readonly [number, Uint8Array] {
  return [0x0010, vector(2, ...names.map((name) => vector(1, latin1(name))))];
}

export function signatureAlgorithms(...values: readonly number[]): readonly [number, Uint8Array] {
  return [0x000d, vector(2, uint16s(values))];
}

export function supportedVersions(...values: readonly number[]): readonly [number, Uint8Array] {
  return [0x002b, vector(1, uint16s(values))];
}

/** A handshake message: type, length, body (RFC 8446, section 4). */
export function message(type: number, body: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(type), vector(3, body));
}

/** A TLSPlaintext record (RFC 8446, section 5.1). */
export function record(type: number, body: Uint8Array, version = 0x0303): Uint8Array {
  return concat(Uint8Array.of(type), uint16s([version]), vector(2, body));
}
