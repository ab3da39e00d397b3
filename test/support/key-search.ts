import { open } from "node:fs/promises";

/** One way in which a secret could stand on a disk. */
export interface SecretForm {
  readonly name: string;
  readonly pattern: Uint8Array;
}

export interface Finding {
  readonly name: string;
  readonly offsetBytes: number;
}

const CHUNK_BYTES = 8 * 1024 * 1024;
/** Of every form that is found; more say nothing new. */
const FINDINGS_MAX = 100;

/**
 * A secret as octets, as hexadecimal in both cases, and as base64 and base64url wherever it starts within a group of three
 * octets (RFC 4648, sections 4, 5 and 8), so that it is found inside longer texts too.
 */
export function secretForms(name: string, secret: Uint8Array): SecretForm[] {
  const hex = Buffer.from(secret).toString("hex");
  const forms: SecretForm[] = [
    { name: `${name} raw`, pattern: Buffer.from(secret) },
    { name: `${name} hex`, pattern: Buffer.from(hex) },
    { name: `${name} HEX`, pattern: Buffer.from(hex.toUpperCase()) },
  ];
  for (let shift = 0; shift < 3; shift++) {
    // Only the characters that depend on the secret alone are kept.
    const text = Buffer.concat([Buffer.alloc(shift), secret])
      .toString("base64")
      .replace(/=+$/, "");
    const firstWhole = shift === 0 ? 0 : shift + 1;
    const lastWhole = Math.floor(((shift + secret.length) * 8) / 6);
    const base64 = text.slice(firstWhole, lastWhole);
    forms.push({ name: `${name} base64+${shift}`, pattern: Buffer.from(base64) });
    const url = base64.replaceAll("+", "-").replaceAll("/", "_");
    if (url !== base64) forms.push({ name: `${name} base64url+${shift}`, pattern: Buffer.from(url) });
  }
  return forms;
}

/** Where any of `forms` stands in the file; zeroed stretches are skipped quickly. */
export async function searchFile(path: string, forms: readonly SecretForm[]): Promise<Finding[]> {
  const overlapBytes = Math.max(...forms.map((form) => form.pattern.length)) - 1;
  const zeros = Buffer.alloc(CHUNK_BYTES);
  const buffer = Buffer.alloc(overlapBytes + CHUNK_BYTES);
  const findings: Finding[] = [];
  const file = await open(path, "r");
  try {
    let keptBytes = 0;
    for (let offsetBytes = 0; ; ) {
      const { bytesRead } = await file.read(buffer, keptBytes, CHUNK_BYTES, offsetBytes);
      if (bytesRead === 0) return findings;
      const filled = buffer.subarray(0, keptBytes + bytesRead);
      if (!filled.subarray(keptBytes).equals(zeros.subarray(0, bytesRead)) || !isZero(filled.subarray(0, keptBytes)))
        for (const { name, pattern } of forms)
          for (let at = filled.indexOf(pattern); at >= 0; at = filled.indexOf(pattern, at + 1))
            if (findings.length < FINDINGS_MAX) findings.push({ name, offsetBytes: offsetBytes - keptBytes + at });
      offsetBytes += bytesRead;
      keptBytes = Math.min(overlapBytes, filled.length);
      filled.copy(buffer, 0, filled.length - keptBytes);
    }
  } finally {
    await file.close();
  }
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((octet) => octet === 0);
}
