import assert from "node:assert/strict";
import { test } from "node:test";
import { type ClientHello, parseClientHello } from "../../../../appliance/handshake/client-hello.ts";
import { renderJa4 } from "../../../../appliance/handshake/ja4.ts";
import {
  alpn,
  clientHelloBody,
  type Offer,
  serverName,
  signatureAlgorithms,
  supportedVersions,
} from "./hello-bytes.ts";

/** The example of FoxIO's JA4.md: suites, extensions and signature algorithms in the order of the message. */
const EXAMPLE_SUITES = [
  0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f,
  0x0035,
];
const EXAMPLE_EXTENSIONS = [
  0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b,
  0x000a, 0x0015,
];
const EXAMPLE_ALGORITHMS = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601];
const EMPTY = new Uint8Array(0);

/** Its octets, with GREASE in front of every list. */
function example(greased: boolean): Offer {
  const bodies = new Map<number, readonly [number, Uint8Array]>(
    [
      serverName("www.example.com"),
      alpn("h2", "http/1.1"),
      signatureAlgorithms(...EXAMPLE_ALGORITHMS),
      greased ? supportedVersions(0x8a8a, 0x0304, 0x0303) : supportedVersions(0x0304, 0x0303),
    ].map((extension) => [extension[0], extension]),
  );
  const extensions = EXAMPLE_EXTENSIONS.map((type) => bodies.get(type) ?? ([type, EMPTY] as const));
  return {
    version: 0x0303,
    cipherSuites: greased ? [0xfafa, ...EXAMPLE_SUITES] : EXAMPLE_SUITES,
    extensions: greased ? [[0x2a2a, EMPTY], ...extensions, [0xdada, Uint8Array.of(0)]] : extensions,
  };
}

function ja4Of(transport: "t" | "q" | "d", offer: Offer): string | undefined {
  const hello = parseClientHello(clientHelloBody(offer), offer.cookie !== undefined);
  return hello === undefined ? undefined : renderJa4(transport, hello);
}

for (const { name, transport, offer, expected } of [
  {
    name: "the example of its specification",
    transport: "t",
    offer: example(false),
    expected: "t13d1516h2_8daaf6152771_e5627efa2ab1",
  },
  {
    name: "GREASE is left out",
    transport: "t",
    offer: example(true),
    expected: "t13d1516h2_8daaf6152771_e5627efa2ab1",
  },
  { name: "QUIC", transport: "q", offer: example(true), expected: "q13d1516h2_8daaf6152771_e5627efa2ab1" },
  {
    name: "no extensions",
    transport: "t",
    offer: { version: 0x0301, cipherSuites: EXAMPLE_SUITES },
    expected: "t10i150000_8daaf6152771_000000000000",
  },
  {
    name: "no suites, and nothing to hash but the name",
    transport: "t",
    offer: { version: 0x0300, cipherSuites: [], extensions: [serverName("a.example")] },
    expected: "ts3d000100_000000000000_000000000000",
  },
  {
    name: "no signature algorithms: no underscore",
    transport: "t",
    offer: { ...example(false), extensions: EXAMPLE_EXTENSIONS.map((type) => [type, EMPTY] as const) },
    expected: "t12d151600_8daaf6152771_6d807ffa2a79",
  },
  {
    name: "the highest version of DTLS has the lowest number",
    transport: "d",
    offer: {
      version: 0xfefd,
      cipherSuites: [],
      cookie: Uint8Array.of(1, 2, 3),
      extensions: [supportedVersions(0xfeff, 0xfefc, 0xfefd)],
    },
    expected: "dd3i000100",
  },
  {
    name: "a draft's version is unknown",
    transport: "t",
    offer: { version: 0x0303, cipherSuites: [], extensions: [supportedVersions(0x0303, 0x7f1c)] },
    expected: "t00i000100",
  },
  {
    name: "101 suites",
    transport: "t",
    offer: { version: 0x0303, cipherSuites: Array.from({ length: 101 }, (_, i) => i) },
    expected: "t12i990000",
  },
] as const)
  test(`renderJa4: ${name}`, () => {
    const found = ja4Of(transport, offer);
    assert.equal(expected.includes("_") ? found : found?.slice(0, 10), expected);
  });

for (const [name, expected] of [
  ["h2", "h2"],
  ["http/1.1", "h1"],
  ["x", "xx"],
  ["\xab", "ab"],
  ["\xab\xcd", "ad"],
  ["0\xab", "3b"],
  ["01\xab\xcd", "3d"],
  ["0\xab\xcd1", "01"],
] as const)
  test(`renderJa4: ALPN ${JSON.stringify(name)}`, () => {
    const found = ja4Of("t", { version: 0x0303, cipherSuites: [], extensions: [alpn(name)] });
    assert.equal(found?.slice(8, 10), expected);
  });

test("renderJa4: no list is changed", () => {
  const hello: ClientHello = {
    version: 0x0303,
    supportedVersions: Object.freeze([0x0304]),
    cipherSuites: Object.freeze([0x1302, 0x1301]),
    extensions: Object.freeze([0x000d, 0x000a]),
    signatureAlgorithms: Object.freeze([0x0804, 0x0403]),
    sni: null,
    alpn: null,
    complete: true,
  };
  assert.equal(renderJa4("t", hello).slice(0, 10), "t13i020200");
});
