import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseDebianCopyright } from "../../../../image/licences/debian-copyright.ts";
import { declaredLicence, parseLicenceNames } from "../../../../image/licences/declared-licence.ts";
import { parseDefinitions } from "../../../../image/plan.ts";

const DEFINITIONS = join(import.meta.dirname, "../../../../image/definitions/licences.txt");
const NAMES = parseLicenceNames(parseDefinitions(readFileSync(DEFINITIONS, "utf8")));
const FORMAT = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n";
const OPENVPN = `${FORMAT}Upstream-Name: OpenVPN

Files: *
Copyright: 2002-2021 OpenVPN Inc <sales@openvpn.net>
License: GPL-2 with OpenSSL exception

Files: aclocal.m4
       compile
Copyright: 1994-2015 Free Software Foundation, Inc.
License: GPL-2+

License: GPL-2+
 Take it.
 .
 And share it.
Comment: not part of it
`;
const of = (licence: string, source = "x", more = "") =>
  declaredLicence(`${FORMAT}\nFiles: *\nLicense: ${licence}\n${more}`, source, NAMES);

test("parseDebianCopyright: licences in order, and the texts that are there", () =>
  assert.deepEqual(parseDebianCopyright(OPENVPN), {
    licences: ["GPL-2 with OpenSSL exception", "GPL-2+"],
    texts: new Map([["gpl-2+", "Take it.\n\nAnd share it."]]),
  }));

test("parseDebianCopyright: a licence of the whole, one over two lines, line ends of Windows, a text where it is named", () =>
  assert.deepEqual(
    parseDebianCopyright(`${FORMAT}License:  ISC\n\nfiles: a\nlicense:\tX\n its text\n`.replaceAll("\n", "\r\n")),
    { licences: ["ISC", "X"], texts: new Map([["x", "its text"]]) },
  ));

for (const { name, text } of [
  { name: "nothing", text: "" },
  { name: "prose", text: "This package was debianized by hand.\n\nLicense: GPL\n" },
  { name: "a format, and no licence", text: `${FORMAT}\nFiles: *\nCopyright: me\n` },
])
  test(`parseDebianCopyright: ${name} is not of that format`, () =>
    assert.equal(parseDebianCopyright(text), undefined));

for (const { licence, expression } of [
  { licence: "LGPL-2.1+", expression: "LGPL-2.1-or-later" },
  { licence: "expat", expression: "MIT" },
  { licence: "GPL-1+ or Artistic", expression: "(GPL-1.0-or-later OR Artistic-1.0-Perl)" },
  { licence: "ISC and GPL-2 and ISC", expression: "ISC AND GPL-2.0-only" },
  { licence: "GPL-2+ or ISC and Expat", expression: "(GPL-2.0-or-later OR ISC AND MIT)" },
  { licence: "GPL-2+ or AFL-2.1, and Expat", expression: "(GPL-2.0-or-later OR AFL-2.1) AND MIT" },
  { licence: "ISC and Expat, or GPL-3", expression: "(ISC AND MIT OR GPL-3.0-only)" },
  {
    licence: "GPL-2 with Linux-syscall-note exception OR BSD-3-Clause",
    expression: "(GPL-2.0-only WITH Linux-syscall-note OR BSD-3-Clause)",
  },
])
  test(`declaredLicence: ${licence}`, () => assert.deepEqual(of(licence), { expression, extracted: [] }));

test("declaredLicence: an exception of one source is not taken for that of another", () => {
  assert.equal(
    declaredLicence(OPENVPN, "openvpn", NAMES).expression,
    "GPL-2.0-only WITH openvpn-openssl-exception AND GPL-2.0-or-later",
  );
  assert.match(of("GPL-2 with OpenSSL exception").expression, /^LicenseRef-GPL-2-with-OpenSSL-exception-[0-9a-f]{8}$/);
});

test("declaredLicence: what SPDX does not know keeps its text; the same text is the same licence", () => {
  const one = of("Own+ or ISC", "a", "\nLicense: own+\n Do it.\n");
  assert.deepEqual(one, {
    expression: "(LicenseRef-Own-plus-456e482a OR ISC)",
    extracted: [{ licenseId: "LicenseRef-Own-plus-456e482a", name: "Own+", extractedText: "Do it." }],
  });
  assert.deepEqual(of("Own+", "b", " Do it.\n").extracted, one.extracted);
  assert.notDeepEqual(of("Own+", "b", " Don't.\n").extracted, one.extracted);
  assert.equal(of("Own+").extracted[0]?.extractedText, "Own+: the copyright file has no text of it");
});

test("declaredLicence: a file that only people can read is a licence of its own", () => {
  const { expression, extracted } = declaredLicence("\nDo what you like.\n", "gcc-14", NAMES);
  assert.match(expression, /^LicenseRef-gcc-14-copyright-[0-9a-f]{8}$/);
  assert.deepEqual(extracted, [
    { licenseId: expression, name: "gcc-14 copyright", extractedText: "Do what you like." },
  ]);
});
