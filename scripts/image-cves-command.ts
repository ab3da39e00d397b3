import { readFile, stat } from "node:fs/promises";
import { ConfigError, parseJson } from "../core/checked-json.ts";
import { SUITE } from "../image/debian-tree.ts";
import { findCves, parseTracker } from "../image/known-cves.ts";
import { readManifestPackages } from "../image/manifest.ts";
import { findProfile, PROFILES } from "../image/profile.ts";
import { findCheckout } from "./checkout.ts";
import { printable, renderTable, runParsed, UsageError } from "./command-line.ts";

/** The tracker's data has some 70 MB; Node.js's longest text, 512. */
const TRACKER_MAX_BYTES = 400_000_000;

const USAGE = `usage: cepa image cves FILE [--profile NAME] [--json]

Known flaws of the packages of the image that was built last, as Debian's security tracker has them. FILE is its data:
https://security-tracker.debian.org/tracker/data/json

  --profile NAME  ${PROFILES.map(({ name }) => name).join(", ")} (default: qemu): reads dist/cepa-NAME.manifest.json
  --json          print JSON
`;

/** `cepa image cves …`; returns the exit status, 0 whether there are flaws or none. */
export function runImageCvesCommand(args: readonly string[]): Promise<number> {
  const options = { profile: { type: "string" }, json: { type: "boolean" } } as const;
  return runParsed(USAGE, args, options, async (values, positionals) => {
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0)
      throw new UsageError("cepa image cves: expected one file, the tracker's data");
    const profile = findProfile(values.profile ?? "qemu");
    if (profile === undefined)
      throw new UsageError(
        `cepa image cves: no profile ${values.profile}; there are ${PROFILES.map(({ name }) => name).join(", ")}`,
      );
    const manifestPath = `${await findCheckout()}/dist/cepa-${profile.name}.manifest.json`;
    const manifest = await readFile(manifestPath, "utf8").catch((cause: Error) => {
      throw new Error(`${manifestPath}: ${cause.message}; build the image first`, { cause });
    });
    const packages = readManifestPackages(parseJson(manifest, manifestPath), manifestPath);
    const { size } = await stat(file);
    if (size > TRACKER_MAX_BYTES) throw new ConfigError(file, `at most ${TRACKER_MAX_BYTES} octets`, size);
    const report = findCves(packages, parseTracker(await readFile(file, "utf8"), file), SUITE);
    if (values.json === true) process.stdout.write(`${JSON.stringify({ suite: SUITE, ...report }, undefined, 2)}\n`);
    else {
      const { known, sources, undetermined, unreadable } = report;
      if (known.length > 0)
        process.stdout.write(
          renderTable(
            ["cve", "source", "version", "fixed in", "urgency"],
            known.map(({ cve, source, version, fixedIn, urgency }) =>
              [cve, source, version, fixedIn ?? "–", urgency].map(printable),
            ),
          ),
        );
      process.stdout.write(
        `${known.length} known in ${sources} source packages of ${SUITE}, ${known.filter(({ fixedIn }) => fixedIn !== undefined).length} ` +
          `of them fixed in a newer version; ${undetermined} undetermined, ${unreadable} entries of no known form\n`,
      );
    }
    return 0;
  });
}
