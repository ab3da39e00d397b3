import { captureTargets } from "./capture-targets.ts";
import { layerTarget } from "./layer-target.ts";
import { parserTargets } from "./parser-targets.ts";
import { sessionTargets } from "./session-targets.ts";
import type { Target } from "./target.ts";

export const TARGETS: readonly Target[] = [...captureTargets, layerTarget, ...sessionTargets, ...parserTargets];

export function targetOf(name: string): Target {
  const target = TARGETS.find((candidate) => candidate.name === name);
  if (target === undefined)
    throw new Error(`no target "${name}"; there are ${TARGETS.map((candidate) => candidate.name).join(", ")}`);
  return target;
}
