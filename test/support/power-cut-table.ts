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

\`make long-power-cuts\` records all that a box writes while it installs an update (QEMU's blklogwrites), makes the disk as it is when the
power goes at a moment in between, and starts it. Of the writes since the last flush all are lost in every other row, and some in the
others. Each start must end with the box capturing, on a version that is found good. Of ${requestsMade} requests in all:

| cut after request | which went to | lost | starts with | ends with | seconds |
| ---: | --- | ---: | --- | --- | ---: |
${rows.join("\n")}
`;
}
