import { resolve } from "node:path";
import { nodeClock } from "../core/node/clock.ts";
import { nodeExec } from "../core/node/exec.ts";
import { makeNextDb, planNextDb, useNextDb } from "../image/db-rollover.ts";
import { KEY_PAIRS } from "../image/key-pair.ts";
import { addMissingFiles, makeSecureBootKeys } from "../image/secure-boot-keys.ts";
import { runParsed, UsageError } from "./command-line.ts";

/** X.509 has room for 64 in a name, and the certificate of the next db has a date in it. Source: RFC 5280, appendix A.1. */
const OWNER_MAX_BYTES = 64 - " db 2026-01-31".length;

const USAGE = `usage: cepa image keys FOLDER [--owner NAME] [--db URI] [--next-db | --use-next-db [--dry-run]]

Makes PK, KEK and db for Secure Boot, and two pairs: update.key and update.pub (Ed25519) for updates, pcr.key and pcr.pub (RSA) for
what a TPM measures, in FOLDER, which must not be there or be empty; a folder of keys that lacks only pairs, or a .pub, gets them. Boxes
trust what db, update.key and pcr.key have signed: keep a copy where the images are built and one in a safe.

  --owner NAME    whose keys they are, in the certificates: at most ${OWNER_MAX_BYTES} octets (default: Cepa)
  --db URI        db (with --next-db the next one) is the RSA key in a PKCS #11 token that this URI names
                  (pkcs11:token=…;object=…;pin-source=file:/…): FOLDER gets db.uri, and no db.key. This machine needs sbsigntool,
                  libengine-pkcs11-openssl and the token's module, known to p11-kit
  --next-db       makes the next db: images built from then on bring it into the firmware of their boxes, and are signed with db as before
  --use-next-db   the next db becomes db, and signs images; the one before stays as db-former. For when every box has the next:
                  \`cepa sensor show\`
  --dry-run       with --use-next-db: check that the next key belongs to its certificate, and say what would be renamed

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
    "dry-run": { type: "boolean" },
  } as const;
  return runParsed(USAGE, args, options, async (values, positionals) => {
    const [folder, more] = positionals;
    if (folder === undefined) throw new UsageError("cepa image keys: which folder?");
    if (more !== undefined) throw new UsageError("cepa image keys: one folder, please");
    const { owner = "Cepa", db } = values;
    checkOwner(owner);
    const dryRun = values["dry-run"] === true;
    const [next, use] = [values["next-db"] === true, values["use-next-db"] === true];
    if (use && (next || db !== undefined || values.owner !== undefined))
      throw new UsageError("cepa image keys: --use-next-db goes with no other option");
    if (dryRun && !use) throw new UsageError("cepa image keys: --dry-run goes with --use-next-db");
    try {
      process.stdout.write(`${folder}: ${await act(resolve(folder), { owner, db, next, use, dryRun }, signal)}\n`);
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
  readonly dryRun: boolean;
}

function checkOwner(owner: string): void {
  if (/\p{Cc}/u.test(owner) || Buffer.byteLength(owner) > OWNER_MAX_BYTES)
    throw new UsageError(
      `--owner: expected at most ${OWNER_MAX_BYTES} octets without control characters, found ${JSON.stringify(owner)}`,
    );
}

/** Resolves to what was done, in words. */
async function act(folder: string, { owner, db, next, use, dryRun }: Wanted, signal: AbortSignal): Promise<string> {
  if (next) {
    await makeNextDb(folder, owner, { exec: nodeExec, clock: nodeClock }, signal, db);
    return "the next db is there; images built from now on bring it to their boxes, and are signed with db as before";
  }
  if (use) {
    if (dryRun) {
      const moves = await planNextDb(folder, nodeExec, signal);
      return `would rename ${moves.map(({ from, to }) => `${from} to ${to}`).join(", ")}`;
    }
    await useNextDb(folder, nodeExec, signal);
    return "the next db is db now, and the one before db-former: put that into the safe";
  }
  const added = db === undefined ? await addMissingFiles(folder) : [];
  if (added.length > 0) return `added ${added.join(", ")}; the other keys are as they were`;
  await makeSecureBootKeys(folder, owner, nodeExec, signal, db);
  return `PK, KEK, db and the pairs ${KEY_PAIRS.join(" and ")}; build with --keys ${folder}`;
}
