import { createHash } from "node:crypto";

const PE_AT = 0x40;
const OPTIONAL_AT = PE_AT + 24;
const OPTIONAL_BYTES = 240;
const SECTION_AT = OPTIONAL_AT + OPTIONAL_BYTES;
const TABLE_AT = OPTIONAL_AT + 112 + 4 * 8;
const HEADERS_BYTES = 512;

/** A PE32+ program for UEFI on x86-64 of one section, in which is what systemd-boot says of itself; it does nothing. */
export function makeProgram(info: string, sectionBytes = 1024): Buffer {
  const program = Buffer.alloc(HEADERS_BYTES + sectionBytes);
  program.write("MZ", 0);
  program.writeUInt32LE(PE_AT, 0x3c);
  program.write("PE\0\0", PE_AT);
  program.writeUInt16LE(0x8664, PE_AT + 4); // AMD64
  program.writeUInt16LE(1, PE_AT + 6); // sections
  program.writeUInt16LE(OPTIONAL_BYTES, PE_AT + 20);
  program.writeUInt16LE(0x22e, PE_AT + 22);
  program.writeUInt16LE(0x20b, OPTIONAL_AT); // PE32+
  program.writeUInt32LE(4096, OPTIONAL_AT + 32); // alignment in memory, and in the file
  program.writeUInt32LE(512, OPTIONAL_AT + 36);
  program.writeUInt32LE(4096 * 2, OPTIONAL_AT + 56); // in memory
  program.writeUInt32LE(HEADERS_BYTES, OPTIONAL_AT + 60);
  program.writeUInt16LE(10, OPTIONAL_AT + 68); // EFI application
  program.writeUInt32LE(16, OPTIONAL_AT + 108); // data directories
  program.write(".text", SECTION_AT);
  for (const [at, value] of [sectionBytes, 4096, sectionBytes, HEADERS_BYTES].entries())
    program.writeUInt32LE(value, SECTION_AT + 8 + at * 4);
  program.writeUInt32LE(0x60000020, SECTION_AT + 36);
  program.write(`#### LoaderInfo: ${info} ####`, HEADERS_BYTES + 16);
  return program;
}

/** DER of as much of a certificate as tells whose signature it is. */
export function makeSignerCertificate(serial: number): Buffer {
  return der(0x30, der(0x30, der(0xa0, integer(2)), integer(serial), ALGORITHM, issuerOf(serial)), ALGORITHM);
}

/** Signed in form: who starts it takes the certificate's word for it. `time` is what two signatures by one key differ in. */
export function signProgram(program: Buffer, certificate: Buffer, serial: number, time = 0): Buffer {
  const digest = createHash("sha256")
    .update(program.subarray(0, OPTIONAL_AT + 64))
    .update(program.subarray(OPTIONAL_AT + 68, TABLE_AT))
    .update(program.subarray(TABLE_AT + 8))
    .digest();
  const indirect = der(0x30, der(0x30, OID), der(0x30, ALGORITHM, der(0x04, digest)));
  const signer = der(0x30, integer(1), der(0x30, issuerOf(serial), integer(serial)), ALGORITHM, integer(time));
  const signed = der(
    0x30,
    ...[integer(1), der(0x31, ALGORITHM), der(0x30, OID, der(0xa0, indirect))],
    ...[der(0xa0, certificate), der(0x31, signer)],
  );
  const data = der(0x30, OID, der(0xa0, signed));
  const header = Buffer.alloc(8);
  const entry = Buffer.alloc(Math.ceil((header.length + data.length) / 8) * 8);
  header.writeUInt32LE(header.length + data.length, 0);
  header.writeUInt16LE(0x0200, 4);
  header.writeUInt16LE(0x0002, 6);
  Buffer.concat([header, data]).copy(entry);
  const all = Buffer.concat([program, entry]);
  all.writeUInt32LE(program.length, TABLE_AT);
  all.writeUInt32LE(entry.length, TABLE_AT + 4);
  return all;
}

const OID = der(0x06, Buffer.of(0x2a, 0x03));
const ALGORITHM = der(0x30, OID);

function issuerOf(serial: number): Buffer {
  return der(0x30, der(0x31, integer(serial)));
}

function integer(value: number): Buffer {
  return der(0x02, Buffer.of(value));
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(tag, 0x82, content.length >> 8, content.length & 0xff), content]);
}
