import { createPublicKey, X509Certificate } from "node:crypto";
import { mkdtemp, open, readdir, readFile, rename, rm } from "node:fs/promises";
import type { Clock, Exec } from "../core/ports.ts";
import { checkUri, readSecureBootKeys, SecureBootKeysError } from "./secure-boot-keys.ts";
import { makeCertificate } from "./signing-certificate.ts";

/**
 * The key that signs what boots (db) is replaced in two steps, in a folder of keys. First there is a next one: images are still signed with
 * db, and bring the certificate of the next into the firmware of their boxes. When all boxes have it, it becomes db; the one before
 * stays as db-former. Either is a file (.key) or in a token (.uri).
 */
const PRIVATE_ENDS = ["key", "uri"] as const;

/** Makes db-next in a folder that has none. All or nothing: its certificate comes last, and counts. */
export async function makeNextDb(
  folder: string,
  owner: string,
  ports: { readonly exec: Exec; readonly clock: Clock },
  signal: AbortSignal,
  uri?: string,
): Promise<void> {
  if (uri !== undefined) checkUri("the URI of the next db", uri);
  await readSecureBootKeys(folder); // it is whole
  const found = (await filesOf(folder, "db-next"))[0];
  if (found !== undefined)
    throw new SecureBootKeysError(
      "exists",
      `${folder}/${found} is there: \`cepa image keys ${folder} --use-next-db\` makes it db`,
    );
  const made = await mkdtemp(`${folder}/.db-next.`);
  try {
    const day = new Date(ports.clock.nowMs()).toISOString().slice(0, 10); // tells it from the one before, for people
    await makeCertificate(made, "db-next", `${owner} db ${day}`, ports.exec, signal, uri);
    await rename(
      `${made}/db-next.${uri === undefined ? "key" : "uri"}`,
      `${folder}/db-next.${uri === undefined ? "key" : "uri"}`,
    );
    await rename(`${made}/db-next.crt`, `${folder}/db-next.crt`);
    await flushFolder(folder);
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

export interface Move {
  readonly from: string;
  readonly to: string;
}

/**
 * db-next becomes db, and db becomes db-former: which files of the folder get which names, in this order. db.crt goes first, and comes
 * last, so that what was cut off goes on where it was. Throws when the next key does not belong to its certificate.
 */
export async function planNextDb(folder: string, exec: Exec, signal: AbortSignal): Promise<readonly Move[]> {
  const names = new Set(await readdir(folder));
  if (!names.has("db-next.crt"))
    throw new SecureBootKeysError(
      "incomplete",
      `${folder} has no db-next.crt: \`cepa image keys ${folder} --next-db\` makes the next db`,
    );
  const privateOf = (name: string) => PRIVATE_ENDS.map((end) => `${name}.${end}`).filter((file) => names.has(file));
  const renamed = (files: readonly string[], from: string, to: string) =>
    files.map((file) => ({ from: file, to: file.replace(from, to) }));
  const hasBegun = !names.has("db.crt");
  const incomplete = (what: string) => new SecureBootKeysError("incomplete", `${folder}: ${what}`);
  if (hasBegun && !names.has("db-former.crt")) throw incomplete("db.crt is lost: take it from the safe");
  if (!hasBegun) {
    const former = (await filesOf(folder, "db-former"))[0];
    if (former !== undefined)
      throw new SecureBootKeysError(
        "exists",
        `${folder}/${former} is there, of an earlier change: put it into the safe first`,
      );
    if (privateOf("db").length !== 1 || privateOf("db-next").length !== 1)
      throw incomplete("expected one of .key and .uri beside each of db.crt and db-next.crt");
  }
  // of a change that was cut off the next key may have its name already
  const isFormerMoved = privateOf("db-former").length > 0;
  const [next, ...more] = [...privateOf("db-next"), ...(isFormerMoved ? privateOf("db") : [])];
  if (next === undefined || more.length > 0) throw incomplete("expected one of .key and .uri beside db-next.crt");
  await checkBelongs(folder, next, exec, signal);
  return [
    ...(hasBegun ? [] : renamed(["db.crt"], "db", "db-former")),
    ...(isFormerMoved ? [] : renamed(privateOf("db"), "db", "db-former")),
    ...renamed([...privateOf("db-next"), "db-next.crt"], "db-next", "db"),
  ];
}

export async function useNextDb(folder: string, exec: Exec, signal: AbortSignal): Promise<void> {
  for (const { from, to } of await planNextDb(folder, exec, signal))
    await rename(`${folder}/${from}`, `${folder}/${to}`);
  await flushFolder(folder);
}

/** What it signs would start nowhere, and images that it has signed are found out only when boxes refuse them. */
async function checkBelongs(folder: string, file: string, exec: Exec, signal: AbortSignal): Promise<void> {
  const path = `${folder}/${file}`;
  let belongs: boolean;
  try {
    const { publicKey } = new X509Certificate(await readFile(`${folder}/db-next.crt`));
    const text = await readFile(path, "utf8");
    belongs = publicKey.equals(
      createPublicKey(file.endsWith(".uri") ? await readTokenKey(text.trim(), path, exec, signal) : text),
    );
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof SecureBootKeysError) throw cause;
    const { message } = cause as Error;
    throw new SecureBootKeysError("mismatch", `${path} can't be compared with db-next.crt: ${message}`, { cause });
  }
  if (!belongs)
    throw new SecureBootKeysError(
      "mismatch",
      `${path} is not the key of db-next.crt; nothing was renamed. Take both from the safe as \`cepa image keys ${folder} --next-db\` made them`,
    );
}

/** The public half, PEM, of a key in a token. */
async function readTokenKey(uri: string, where: string, exec: Exec, signal: AbortSignal): Promise<string> {
  checkUri(where, uri);
  return (await exec("openssl", ["pkey", "-engine", "pkcs11", "-inform", "engine", "-in", uri, "-pubout"], signal))
    .stdout;
}

async function filesOf(folder: string, name: string): Promise<readonly string[]> {
  return (await readdir(folder)).filter((file) => file.startsWith(`${name}.`)).sort();
}

async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
