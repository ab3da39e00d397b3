import { resolve } from "node:path";
import { nodeClock } from "../core/node/clock.ts";
import { nodeExec } from "../core/node/exec.ts";
import { makeNextDb, useNextDb } from "../image/db-rollover.ts";
import { KEY_PAIRS } from "../image/key-pair.ts";
import { addKeyPairs, makeSecureBootKeys } from "../image/secure-boot-keys.ts";
import { runParsed, UsageError } from "./command-line.ts";

const USAGE = `usage: cepa image keys FOLDER [--owner NAME] [--db URI] [--next-db | --use-next-db]

Makes PK, KEK and db for Secure Boot, and two pairs: update.key and update.pub (Ed25519) for updates, pcr.key and pcr.pub (RSA) for
what a TPM measures, in FOLDER, which must not be there or be empty; a folder of keys that lacks only pairs gets them. Boxes trust what
db, update.key and pcr.key have signed: keep a copy where the images are built and one in a safe.

  --owner NAME    whose keys they are, in the certificates (default: Cepa)
  --db URI        db (with --next-db the next one) is the RSA key in a PKCS #11 token that this URI names
                  (pkcs11:token=…;object=…;pin-source=file:/…): FOLDER gets db.uri, and no db.key. This machine needs sbsigntool,
                  libengine-pkcs11-openssl and the token's module, known to p11-kit
  --next-db       makes the next db: images built from then on bring it into the firmware of their boxes, and are signed with db as before
  --use-next-db   the next db becomes db, and signs images; the one before stays as db-former. For when every box has the next:
                  \`cepa sensor show\`

FOLDER/vendor/KEK and FOLDER/vendor/db may hold a vendor's certificates (NAME.crt, PEM) and signature lists (NAME.esl), which a box then
enrols beside these.
`;

/** `cepa image keys …`; returns the exit status: 0 done, 1 failed, 2 not understood. */
export function runImageKeysCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const options = {
    owner: { type: "string" },
    db: { type: "string" },
    "next-db": { type: "boolean" },
    "use-next-db": { type: "boolean" },
  } as const;
  return runParsed(USAGE, args, options, async (values, positionals) => {
    const [folder, more] = positionals;
    if (folder === undefined) throw new UsageError("cepa image keys: which folder?");
    if (more !== undefined) throw new UsageError("cepa image keys: one folder, please");
    const { owner = "Cepa", db } = values;
    const [next, use] = [values["next-db"] === true, values["use-next-db"] === true];
    if (use && (next || db !== undefined || values.owner !== undefined))
      throw new UsageError("cepa image keys: --use-next-db goes with no other option");
    try {
      process.stdout.write(`${folder}: ${await act(resolve(folder), { owner, db, next, use }, signal)}\n`);
      return 0;
    } catch (error) {
      if (signal.aborted) throw error;
      process.stderr.write(`cepa image keys: ${(error as Error).message}\n`);
      return 1;
    }
  });
}

interface Wanted {
  readonly owner: string;
  readonly db: string | undefined;
  readonly next: boolean;
  readonly use: boolean;
}

/** Resolves to what was done, in words. */
async function act(folder: string, { owner, db, next, use }: Wanted, signal: AbortSignal): Promise<string> {
  if (next) {
    await makeNextDb(folder, owner, { exec: nodeExec, clock: nodeClock }, signal, db);
    return "the next db is there; images built from now on bring it to their boxes, and are signed with db as before";
  }
  if (use) {
    await useNextDb(folder);
    return "the next db is db now, and the one before db-former: put that into the safe";
  }
  const added = db === undefined ? await addKeyPairs(folder) : [];
  if (added.length > 0) return `added the pairs ${added.join(" and ")}; the other keys are as they were`;
  await makeSecureBootKeys(folder, owner, nodeExec, signal, db);
  return `PK, KEK, db and the pairs ${KEY_PAIRS.join(" and ")}; build with --keys ${folder}`;
}
