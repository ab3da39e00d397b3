import type { PowerCut } from "./power-cuts.ts";

export interface PowerCutResult extends PowerCut {
  /** Requests that were done, not flushed, and lost. */
  readonly lostRequests: number;
  /** What ran first after the cut, and at last. */
  readonly firstVersion: string;
  readonly lastVersion: string;
  /** From switching on to the end. */
  readonly seconds: number;
}

/** A page for docs. */
export function powerCutTable(results: readonly PowerCutResult[], requestsMade: number): string {
  const rows = results.map(
    ({ requests, place, lostRequests, firstVersion, lastVersion, seconds }) =>
      `| ${requests} | ${place} | ${lostRequests} | ${firstVersion} | ${lastVersion} | ${seconds} |`,
  );
  return `# Power cuts during an update

\`make long-power-cuts\` records all that a box asks of its disk while it installs an update, makes the disk as it is when the power goes at a
moment in between, and starts it; \`make e2e\` does so at three moments. Of what was written since the last flush all is lost in some rows,
and some in the others. One moment is always that at which the new version's kernel has its last name on the FAT, and no content yet. Each
start must end with the box capturing, on a version that is found good. Of ${requestsMade} requests in all:

| cut after request | which went to | lost | starts with | ends with | seconds |
| ---: | --- | ---: | --- | --- | ---: |
${rows.join("\n")}
`;
}
