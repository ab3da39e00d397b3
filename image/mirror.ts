/** Where Debian's packages come from: base URLs, each with a slash at its end. */
export interface Mirror {
  readonly debian: string;
  /** undefined: the host takes none, or only one URL was given. */
  readonly security: string | undefined;
}

interface AptSource {
  readonly url: string;
  readonly suite: string;
  readonly components: readonly string[];
}

/**
 * The mirror that the host itself uses, from the text of its /etc/apt/sources.list, *.list and *.sources; undefined when
 * none of them is Debian's. Sources: sources.list(5), one-line style and DEB822 style.
 */
export function findMirror(files: readonly { readonly name: string; readonly text: string }[]): Mirror | undefined {
  const sources = files.flatMap(({ name, text }) =>
    name.endsWith(".sources") ? parseDeb822(text) : parseOneLine(text),
  );
  const debian = sources.find(
    ({ suite, components }) => /^(?:[a-z]+|\d+)$/.test(suite) && components.includes("main") && KNOWN_SUITES.has(suite),
  );
  if (debian === undefined) return undefined;
  const security = sources.find(({ suite, components }) => suite.endsWith("-security") && components.includes("main"));
  return { debian: debian.url, security: security?.url };
}

const KNOWN_SUITES: ReadonlySet<string> = new Set([
  "bullseye",
  "bookworm",
  "trixie",
  "forky",
  "sid",
  "oldstable",
  "stable",
  "testing",
  "unstable",
]);

function parseOneLine(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const line of text.split("\n")) {
    const found = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(https?:\/\/\S+)\s+(\S+)\s+([^#]*)/.exec(line);
    if (found === null) continue;
    const [, url = "", suite = "", components = ""] = found;
    sources.push({ url: withSlash(url), suite, components: components.trim().split(/\s+/) });
  }
  return sources;
}

function parseDeb822(text: string): AptSource[] {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const fields = parseFields(stanza);
    if (!wordsOf(fields.types).includes("deb") || fields.enabled?.trim() === "no") return [];
    return wordsOf(fields.uris)
      .filter((url) => /^https?:\/\//.test(url))
      .flatMap((url) =>
        wordsOf(fields.suites).map((suite) => ({ url: withSlash(url), suite, components: wordsOf(fields.components) })),
      );
  });
}

function parseFields(stanza: string): Readonly<Record<string, string>> {
  const fields: Record<string, string> = {};
  let name = "";
  for (const line of stanza.split("\n")) {
    if (line.startsWith("#")) continue;
    const found = /^([A-Za-z-]+):(.*)$/.exec(line);
    if (found !== null) {
      name = (found[1] ?? "").toLowerCase();
      fields[name] = found[2] ?? "";
    } else if (/^\s/.test(line) && name !== "") fields[name] += ` ${line}`;
  }
  return fields;
}

function wordsOf(text: string | undefined): string[] {
  return (text ?? "").split(/\s+/).filter((word) => word !== "");
}

function withSlash(url: string): string {
  return url.endsWith("/") ? url : `${url}/`;
}

/** Lines for mmdebstrap: `suite` with its updates, and security updates where the mirror has them. */
export function aptLinesOf(mirror: Mirror, suite: string, components = "main"): readonly string[] {
  return [
    `deb ${mirror.debian} ${suite} ${components}`,
    `deb ${mirror.debian} ${suite}-updates ${components}`,
    ...(mirror.security === undefined ? [] : [`deb ${mirror.security} ${suite}-security ${components}`]),
  ];
}

/** Options of the host's apt that also hold when trees are made: proxies, certificates, lenience with dates. */
export function parseAptOptions(dump: string): readonly string[] {
  return dump
    .split("\n")
    .filter((line) => /^Acquire::(?:https?::|Check-Valid-Until |Check-Date |Retries )/.test(line))
    .filter((line) => /^\S+ "[^"\n]+";$/.test(line));
}
