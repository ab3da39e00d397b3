/** Text that came from outside and is not as its reader expects: `path: expected …, found …`. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly path: string;
  constructor(path: string, expected: string, found: unknown) {
    super(`${path}: expected ${expected}, found ${describe(found)}`);
    this.path = path;
  }
}

function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** The object at `path`, whose keys are all among `keys`. */
export function readObject(value: unknown, path: string, keys: readonly string[]): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ConfigError(path, "an object", value);
  for (const key of Object.keys(value))
    if (!keys.includes(key)) throw new ConfigError(join(path, key), `one of ${keys.join(", ")}`, key);
  return value as JsonObject;
}

export function readInteger(object: JsonObject, key: string, path: string, least: number, most: number): number {
  const value = object[key];
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new ConfigError(join(path, key), `an integer, ${least}..${most}`, value);
}

/** `pattern`, when given, must match the whole text; `expected` says so in words. */
export function readText(object: JsonObject, key: string, path: string, expected: string, pattern?: RegExp): string {
  const value = object[key];
  if (typeof value === "string" && (pattern === undefined || pattern.test(value))) return value;
  throw new ConfigError(join(path, key), expected, value);
}

export function readBoolean(object: JsonObject, key: string, path: string): boolean {
  const value = object[key];
  if (typeof value === "boolean") return value;
  throw new ConfigError(join(path, key), "true or false", value);
}

export function readTexts(object: JsonObject, key: string, path: string, expected: string, pattern: RegExp): string[] {
  const value = object[key];
  if (!Array.isArray(value)) throw new ConfigError(join(path, key), `a list of ${expected}`, value);
  return value.map((item, index) => {
    if (typeof item === "string" && pattern.test(item)) return item;
    throw new ConfigError(`${join(path, key)}[${index}]`, expected, item);
  });
}

export function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ConfigError(path, `JSON (${(cause as Error).message})`, text);
  }
}

function join(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}
