import { createRequire } from "node:module";
import { getAsset } from "node:sea";
import { compileFunction } from "node:vm";

const require = createRequire(process.execPath);

/**
 * Runs a part of the single executable, which scripts/build.ts put in as an asset: what the program loads when it is asked for. Each part
 * has its own copy of what it imports. Returns its exports.
 */
export function loadProgramPart(name: string): unknown {
  const module: { exports: unknown } = { exports: {} };
  const run = compileFunction(getAsset(name, "utf8"), ["exports", "require", "module"], { filename: `${name}.cjs` });
  run(module.exports, require, module);
  return module.exports;
}
