import { createHash } from "node:crypto";
import { parseDebianCopyright } from "./debian-copyright.ts";

/** A licence that SPDX has no identifier for: its text, under one of the document's own (SPDX 2.3, section 10). */
export interface ExtractedLicence {
  readonly licenseId: string;
  readonly name: string;
  readonly extractedText: string;
}

export interface DeclaredLicence {
  /** SPDX licence expression (SPDX 2.3, annex D): of all that a package's source is made of, what most of it is under first. */
  readonly expression: string;
  readonly extracted: readonly ExtractedLicence[];
}

/** Debian's short names, in lower case, and SPDX's: image/definitions/licences.txt. */
export type LicenceNames = ReadonlyMap<string, string>;

/** Lines of image/definitions/licences.txt, without comments. */
export function parseLicenceNames(lines: readonly string[]): LicenceNames {
  return new Map(
    lines.map((line) => {
      const [debian = "", spdx = debian] = line.split(/\s+=\s+/);
      return [debian.toLowerCase(), spdx];
    }),
  );
}

/** What the copyright file of a source package says. One that only people can read becomes a licence of its own. */
export function declaredLicence(copyright: string, source: string, names: LicenceNames): DeclaredLicence {
  const parsed = parseDebianCopyright(copyright);
  if (parsed === undefined) {
    const whole = extract(`${source} copyright`, copyright.trim());
    return { expression: whole.licenseId, extracted: [whole] };
  }
  const extracted = new Map<string, ExtractedLicence>();
  const translate = (name: string): string => {
    const known = findSpdx(name, source, names);
    if (known !== undefined) return known;
    const own = extract(name, parsed.texts.get(name.toLowerCase()) ?? `${name}: the copyright file has no text of it`);
    extracted.set(own.licenseId, own);
    return own.licenseId;
  };
  const terms = new Set(parsed.licences.flatMap((licence) => translateExpression(licence, translate)));
  return { expression: [...terms].join(" AND "), extracted: [...extracted.values()] };
}

/** Terms of a conjunction. `GPL-2+ or Artistic, and Expat`: "and" binds before "or", and both before a comma with either. */
function translateExpression(expression: string, translate: (name: string) => string): readonly string[] {
  const choose = (choices: readonly (readonly string[])[]): readonly string[] =>
    choices.length === 1 ? (choices[0] ?? []) : [`(${choices.map((terms) => terms.join(" AND ")).join(" OR ")})`];
  const plain = (part: string) =>
    choose(part.split(/ or /i).map((choice) => choice.split(/ and /i).map((name) => translate(name.trim()))));
  return choose(expression.split(/, or /i).map((part) => part.split(/, (?:and )?/i).flatMap(plain)));
}

/** An exception may be that of one source alone: "openvpn: with OpenSSL exception". */
function findSpdx(name: string, source: string, names: LicenceNames): string | undefined {
  const find = (text = "") => names.get(text.toLowerCase());
  const known = find(name);
  if (known !== undefined) return known;
  const [, base, exception] = /^(.+?) (with .+)$/i.exec(name) ?? [];
  const [spdxBase, spdxException] = [find(base), find(exception) ?? find(`${source}: ${exception}`)];
  return spdxBase === undefined || spdxException === undefined ? undefined : `${spdxBase} WITH ${spdxException}`;
}

/** The same text under the same name is the same licence, whichever package it is of. */
function extract(name: string, extractedText: string): ExtractedLicence {
  const hash = createHash("sha256").update(extractedText).digest("hex").slice(0, 8);
  const slug = name
    .replaceAll("+", "-plus")
    .replaceAll(/[^A-Za-z0-9.]+/g, "-")
    .replaceAll(/^-|-$/g, "");
  return { licenseId: `LicenseRef-${slug}-${hash}`, name, extractedText };
}
