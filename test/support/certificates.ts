import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];

export interface Certified {
  readonly privateKey: string;
  readonly certificate: string;
  readonly authority: string;
}

/** A certificate authority made by openssl in `folder`, for one test. */
export async function makeAuthority(folder: string, name = "ca") {
  const path = (file: string) => join(folder, file);
  const ca = ["-keyout", path(`${name}.key`), "-out", path(`${name}.crt`), "-subj", `/CN=${name}`];
  await run("openssl", ["req", "-x509", ...NEW_KEY, ...ca]);
  const authority = await readFile(path(`${name}.crt`), "utf8");
  /** `ipAddress`, when given, is the certificate's alternative name. */
  const issue = async (commonName: string, ipAddress?: string): Promise<Certified> => {
    const files = [path(`${name}-${commonName}.key`), path(`${name}-${commonName}.crt`)] as const;
    const san = ipAddress === undefined ? [] : ["-addext", `subjectAltName=IP:${ipAddress}`];
    const signer = ["-CA", path(`${name}.crt`), "-CAkey", path(`${name}.key`)];
    const out = ["-keyout", files[0], "-out", files[1], "-subj", `/CN=${commonName}`];
    await run("openssl", ["req", "-x509", ...signer, ...NEW_KEY, ...out, ...san]);
    const [privateKey, certificate] = await Promise.all(files.map((file) => readFile(file, "utf8")));
    return { privateKey: privateKey ?? "", certificate: certificate ?? "", authority };
  };
  return { authority, issue };
}
