import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { nodeExec } from "../../core/node/exec.ts";
import { enrolScript, NEXT_DB_UPDATE, nextDbScript } from "../../image/enrol.ts";
import { SECURE_BOOT_KEYS, type SecureBootKeys } from "../../image/secure-boot-keys.ts";
import { makeCertificate } from "../../image/signing-certificate.ts";

const PROJECT = join(import.meta.dirname, "../..");
const TOOLS = join(PROJECT, ".cache/image/tools");
const IN_TOOLS = join(PROJECT, "image/in-tools.sh");
const TIMEOUT_MS = 60_000;

/** Who the stand-in's keys belong to. */
export const VENDOR_GUID = "77fa9abd-0359-4d32-bd60-28f4e78f784b";

/** Runs a program of the tools tree with `work` as /work, and `keysFolder` as /keys. */
export async function withTools(work: string, keysFolder: string, program: string, ...args: readonly string[]) {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  return nodeExec("sh", [IN_TOOLS, TOOLS, work, program, ...args], signal, { env: { CEPA_KEYS: keysFolder } });
}

/** As a build makes them: PK.auth, KEK.auth and db.auth in work/signed, and what adds the next db where there is one. */
export async function makeEnrolment(keys: SecureBootKeys, work: string, epochS: number): Promise<void> {
  await mkdir(join(work, "signed"), { recursive: true });
  const scripts = SECURE_BOOT_KEYS.map((key) => enrolScript(key, keys, epochS));
  if (keys.hasNextDb === true) scripts.push(nextDbScript(keys, epochS));
  for (const script of scripts) await withTools(work, keys.folder, "sh", "-euc", script);
}

export function nextDbUpdateOf(work: string): string {
  return join(work, NEXT_DB_UPDATE);
}

/**
 * Puts a stand-in for a vendor into a folder of keys: a certificate for db, and for KEK another as a signature list, as it is read out of a
 * box. Both certificates are in `work` too: vendor-db.crt and vendor-KEK.crt.
 */
export async function addVendor(keysFolder: string, work: string): Promise<void> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  for (const variable of ["KEK", "db"]) {
    await mkdir(join(keysFolder, "vendor", variable), { recursive: true });
    await makeCertificate(work, `vendor-${variable}`, `Vendor ${variable}`, nodeExec, signal);
  }
  await nodeExec("cp", [join(work, "vendor-db.crt"), join(keysFolder, "vendor/db/vendor.crt")], signal);
  const list = ["--add-cert", VENDOR_GUID, "/work/vendor-KEK.crt", "--output", "/work/vendor.esl"];
  await withTools(work, keysFolder, "virt-fw-sigdb", ...list);
  await nodeExec("cp", [join(work, "vendor.esl"), join(keysFolder, "vendor/KEK/box.esl")], signal);
}
