import assert from "node:assert/strict";
import { test } from "node:test";
import { aptLinesOf, findMirror, parseAptOptions } from "../../../image/mirror.ts";

const CASES = [
  {
    name: "one line, of an installer",
    files: [
      {
        name: "sources.list",
        text: `#deb cdrom:[Debian GNU/Linux 12]/ bookworm main
deb http://ftp.example.org/debian/ bookworm main non-free-firmware
deb-src http://ftp.example.org/debian/ bookworm main
deb http://security.example.org/debian-security bookworm-security main # updates
`,
      },
    ],
    expected: { debian: "http://ftp.example.org/debian/", security: "http://security.example.org/debian-security/" },
  },
  {
    name: "one line with options, no security",
    files: [{ name: "sources.list", text: "deb [arch=amd64 signed-by=/k.gpg] https://m.example/debian trixie main\n" }],
    expected: { debian: "https://m.example/debian/", security: undefined },
  },
  {
    name: "deb822 with comments, two stanzas, a foreign one before",
    files: [
      {
        name: "node.sources",
        text: "Types: deb\nURIs: https://deb.example/node\nSuites: nodistro\nComponents: main\n",
      },
      {
        name: "debian.sources",
        text: `Types: deb deb-src
# http://snapshot.example/
URIs: http://m.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://m.example/debian-security
Suites: bookworm-security
Components: main
`,
      },
    ],
    expected: { debian: "http://m.example/debian/", security: "http://m.example/debian-security/" },
  },
  {
    name: "deb822, a stanza that is off, values on further lines",
    files: [
      {
        name: "debian.sources",
        text: `Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: trixie
Components: main

Types: deb
URIs:
 http://on.example/debian
Suites:
 trixie
Components:
 main
`,
      },
    ],
    expected: { debian: "http://on.example/debian/", security: undefined },
  },
  {
    name: "another distribution's",
    files: [{ name: "sources.list", text: "deb http://archive.example/ubuntu noble main\n" }],
    expected: undefined,
  },
  { name: "nothing", files: [], expected: undefined },
] as const;

for (const { name, files, expected } of CASES)
  test(`findMirror: ${name}`, () => assert.deepEqual(findMirror(files), expected));

test("aptLinesOf: with and without security updates", () => {
  assert.deepEqual(aptLinesOf({ debian: "http://a/", security: "http://s/" }, "trixie"), [
    "deb http://a/ trixie main",
    "deb http://a/ trixie-updates main",
    "deb http://s/ trixie-security main",
  ]);
  assert.deepEqual(aptLinesOf({ debian: "http://a/", security: undefined }, "trixie"), [
    "deb http://a/ trixie main",
    "deb http://a/ trixie-updates main",
  ]);
});

test("parseAptOptions: proxies and dates, nothing else", () => {
  const dump = `APT "";
Acquire "";
Acquire::Languages "none";
Acquire::http "";
Acquire::http::Proxy "http://proxy.example:3142";
Acquire::https::CaInfo "/etc/ssl/own.pem";
Acquire::Check-Valid-Until "false";
Acquire::Retries "3";
Dir::Etc "etc/apt";
`;
  assert.deepEqual(parseAptOptions(dump), [
    'Acquire::http::Proxy "http://proxy.example:3142";',
    'Acquire::https::CaInfo "/etc/ssl/own.pem";',
    'Acquire::Check-Valid-Until "false";',
    'Acquire::Retries "3";',
  ]);
});
