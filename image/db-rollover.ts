import { mkdtemp, open, readdir, rename, rm } from "node:fs/promises";
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

/** db-next becomes db, and db becomes db-former. What was cut off goes on where it was: db.crt goes first, and comes last. */
export async function useNextDb(folder: string): Promise<void> {
  const names = new Set(await readdir(folder));
  if (!names.has("db-next.crt"))
    throw new SecureBootKeysError(
      "incomplete",
      `${folder} has no db-next.crt: \`cepa image keys ${folder} --next-db\` makes the next db`,
    );
  const privateOf = (name: string) => PRIVATE_ENDS.map((end) => `${name}.${end}`).filter((file) => names.has(file));
  if (names.has("db.crt")) {
    const former = (await filesOf(folder, "db-former"))[0];
    if (former !== undefined)
      throw new SecureBootKeysError(
        "exists",
        `${folder}/${former} is there, of an earlier change: put it into the safe first`,
      );
    if (privateOf("db").length !== 1 || privateOf("db-next").length !== 1)
      throw new SecureBootKeysError(
        "incomplete",
        `${folder}: expected one of .key and .uri beside each of db.crt and db-next.crt`,
      );
    await rename(`${folder}/db.crt`, `${folder}/db-former.crt`);
  }
  if (privateOf("db-former").length === 0)
    for (const file of privateOf("db"))
      await rename(`${folder}/${file}`, `${folder}/${file.replace("db", "db-former")}`);
  for (const file of privateOf("db-next"))
    await rename(`${folder}/${file}`, `${folder}/${file.replace("db-next", "db")}`);
  await rename(`${folder}/db-next.crt`, `${folder}/db.crt`);
  await flushFolder(folder);
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
