import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type EntropyProfile,
  findBreach,
  type ProfileRange,
  readEntropyProfile,
} from "../../../../appliance/entropy/entropy-profile.ts";
import { ProfileLearner } from "../../../../appliance/entropy/profile-learner.ts";
import { SHIPPED_PROFILES, withShipped } from "../../../../appliance/entropy/shipped-profiles.ts";

const RANGES: readonly ProfileRange[] = [
  { from: 64, to: 127, lower: 4, upper: 5, sessions: 9 },
  { from: 512, to: 1023, lower: 6, upper: 7.5, sessions: 9 },
];

for (const { name, points, breach } of [
  { name: "nothing seen", points: [], breach: undefined },
  {
    name: "on the bounds",
    points: [
      [64, 4],
      [127, 5],
      [512, 6],
      [1023, 7.5],
    ],
    breach: undefined,
  },
  {
    name: "outside of every range",
    points: [
      [63, 0],
      [128, 8],
      [511, 0],
      [1024, 0],
    ],
    breach: undefined,
  },
  {
    name: "below",
    points: [
      [100, 4.5],
      [512, 5.9],
    ],
    breach: ["entropyProfileFalling", 512, 5.9, 6, 7.5],
  },
  {
    name: "above",
    points: [
      [127, 5.1],
      [512, 6.5],
    ],
    breach: ["entropyProfileRising", 127, 5.1, 4, 5],
  },
  {
    name: "the first counts",
    points: [
      [64, 3],
      [512, 8],
    ],
    breach: ["entropyProfileFalling", 64, 3, 4, 5],
  },
] as const)
  test(`findBreach: ${name}`, () => {
    const found = findBreach(
      RANGES,
      points.map(([octets, bitsPerByte]) => ({ octets, bitsPerByte })),
    );
    assert.deepEqual(found && [found.alarm, found.octets, found.bitsPerByte, found.lower, found.upper], breach);
  });

const PROFILE: EntropyProfile = { protocol: "SSH", source: "here", client: RANGES, server: [] };

test("readEntropyProfile: what was written is read", () => {
  assert.deepEqual(readEntropyProfile(JSON.parse(JSON.stringify(PROFILE)), "p"), PROFILE);
});

const [RANGE] = RANGES;
for (const { name, json, says } of [
  { name: "no object", json: [], says: "p: expected an object, found []" },
  { name: "an unknown key", json: { ...PROFILE, x: 1 }, says: "p.x: expected one of protocol, source, client, server" },
  {
    name: "an unknown protocol",
    json: { ...PROFILE, protocol: "SHH" },
    says: 'p.protocol: expected a protocol that is recognised, found "SHH"',
  },
  { name: "no ranges", json: { ...PROFILE, server: 3 }, says: "p.server: expected a list of ranges, found 3" },
  {
    name: "ranges that overlap",
    json: { ...PROFILE, client: [RANGE, RANGE] },
    says: "p.client[1].from: expected an integer, 128..65535, found 64",
  },
  {
    name: "a range backwards",
    json: { ...PROFILE, client: [{ ...RANGE, to: 63 }] },
    says: "p.client[0].to: expected an integer, 64..65535, found 63",
  },
  {
    name: "bounds crossed",
    json: { ...PROFILE, client: [{ ...RANGE, upper: 3 }] },
    says: "p.client[0].upper: expected bits a byte, 4..8, found 3",
  },
  {
    name: "text for a bound",
    json: { ...PROFILE, client: [{ ...RANGE, lower: "4" }] },
    says: 'p.client[0].lower: expected bits a byte, 0..8, found "4"',
  },
])
  test(`readEntropyProfile: ${name}`, () => {
    assert.throws(
      () => readEntropyProfile(json, "p"),
      (error: Error) => error.name === "ConfigError" && error.message.startsWith(says),
    );
  });

const DNS = { name: "DNS", encrypts: false };

test("ProfileLearner: the least and the most of each range, with a margin that shrinks with the sessions", () => {
  const learner = new ProfileLearner({ quantile: 0, marginBits: 0.2 });
  for (let i = 0; i < 8; i++) {
    learner.add("client", [
      { octets: 10, bitsPerByte: 1 }, // too short for any range
      { octets: 64, bitsPerByte: 4 + i / 10 },
      { octets: 127, bitsPerByte: 5 },
      { octets: 512, bitsPerByte: 6 },
    ]);
    learner.add("server", [{ octets: 60_000, bitsPerByte: 7.9 }]);
    if (i < 7) learner.add("server", [{ octets: 128, bitsPerByte: 3 }]); // too few
  }
  assert.deepEqual(learner.profile(DNS, "s"), {
    protocol: "DNS",
    source: "s",
    client: [
      { from: 64, to: 127, lower: 3.7, upper: 5.3, sessions: 8 },
      { from: 512, to: 1023, lower: 5.7, upper: 6.3, sessions: 8 },
    ],
    server: [{ from: 32_768, to: 65_535, lower: 7.6, upper: 8, sessions: 8 }],
  });
});

test("ProfileLearner: outliers beyond the quantile don't count; what encrypts has no upper bound", () => {
  const learner = new ProfileLearner({ quantile: 0.1, marginBits: 0 });
  for (let i = 0; i <= 20; i++) learner.add("client", [{ octets: 64, bitsPerByte: i / 4 }]);
  const bounds = ({ client }: EntropyProfile) => [client[0]?.lower, client[0]?.upper];
  assert.deepEqual(bounds(learner.profile(DNS, "")), [0.5, 4.5]);
  assert.deepEqual(bounds(learner.profile({ name: "TLS", encrypts: true }, "")), [0.5, 8]);
});

test("shipped profiles: of SSH, TLS, HTTP and DNS; another of the same protocol replaces one", () => {
  assert.deepEqual(SHIPPED_PROFILES.map(({ protocol }) => protocol).sort(), ["DNS", "HTTP", "SSH", "TLS"]);
  for (const { client, server, source } of SHIPPED_PROFILES) {
    assert.ok(client.length >= 2 && server.length >= 2);
    assert.match(source, /captures/);
  }
  const others = withShipped([PROFILE]);
  assert.equal(others.length, 4);
  assert.deepEqual(
    others.filter(({ protocol }) => protocol === "SSH"),
    [PROFILE],
  );
});
