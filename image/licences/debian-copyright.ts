/** What a machine-readable copyright file says of licences (https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/). */
export interface DebianCopyright {
  /** First lines of License fields, each once, in the file's order: `GPL-2+ or Artistic`. */
  readonly licences: readonly string[];
  /** Texts by short name in lower case, for those that have one. */
  readonly texts: ReadonlyMap<string, string>;
}

const FORMAT = /^Format(?:-Specification)?:\s*\S*(?:copyright-format|dep5)/im;

/** undefined: it is of no such format, and only people can read it. */
export function parseDebianCopyright(text: string): DebianCopyright | undefined {
  const paragraphs = text.replaceAll("\r", "").split(/\n(?:[ \t]*\n)+/);
  if (!FORMAT.test(paragraphs[0] ?? "")) return undefined;
  const licences = new Set<string>();
  const texts = new Map<string, string>();
  for (const paragraph of paragraphs) {
    const [first = "", ...rest] = fieldOf(paragraph, "License");
    const name = first.trim().replaceAll(/\s+/g, " ");
    if (name === "") continue;
    const body = rest
      .map((line) => line.replace(/^ ?/, "").replace(/^\.$/, ""))
      .join("\n")
      .trim();
    if (body !== "" && !texts.has(name.toLowerCase())) texts.set(name.toLowerCase(), body);
    // A paragraph of a licence alone is for those that name it.
    if (fieldOf(paragraph, "Files").length > 0 || fieldOf(paragraph, "Format").length > 0) licences.add(name);
  }
  return licences.size === 0 ? undefined : { licences: [...licences], texts };
}

/** Lines of a field, the first without its name; none where there is no such field. */
function fieldOf(paragraph: string, name: string): readonly string[] {
  const lines = paragraph.split("\n");
  const start = lines.findIndex((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`));
  if (start < 0) return [];
  const next = lines.findIndex((line, at) => at > start && !/^[ \t]/.test(line));
  const field = lines.slice(start, next < 0 ? undefined : next);
  return field.map((line, at) => (at === 0 ? line.slice(name.length + 1) : line));
}
