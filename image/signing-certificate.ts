import { chmod, writeFile } from "node:fs/promises";
import type { Exec } from "../core/ports.ts";

/** They outlive the boxes; the firmware looks at no date. */
const VALID_DAYS = 20 * 365;
/** RSA-2048 with SHA-256 is what all firmware checks. */
const ALGORITHM = ["-newkey", "rsa:2048", "-sha256", "-nodes"];

/**
 * Makes NAME.key and, of its own signature, NAME.crt (PEM) in `folder`; with `uri` the key is in a PKCS #11 token already, and NAME.uri
 * says which.
 */
export async function makeCertificate(
  folder: string,
  name: string,
  commonName: string,
  exec: Exec,
  signal: AbortSignal,
  uri?: string,
): Promise<void> {
  const source =
    uri === undefined
      ? [...ALGORITHM, "-keyout", `${folder}/${name}.key`]
      : ["-sha256", "-engine", "pkcs11", "-keyform", "engine", "-key", uri];
  const subject = ["-utf8", "-subj", `/CN=${commonName.replaceAll(/[/\\]/g, "-").replaceAll("+", "\\+")}`]; // + begins another name
  const validity = ["-days", String(VALID_DAYS)];
  const files = [...source, "-out", `${folder}/${name}.crt`];
  await exec("openssl", ["req", "-x509", ...validity, ...subject, ...files], signal);
  if (uri === undefined) await chmod(`${folder}/${name}.key`, 0o600);
  else await writeFile(`${folder}/${name}.uri`, `${uri}\n`);
}
