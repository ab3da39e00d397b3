import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { REFUSAL_REASONS } from "../../../core/contract/update-refusal.ts";
import { compareVersions } from "../../../core/version.ts";
import {
  type Asker,
  channelDoubt,
  isReached,
  type Offerable,
  offerFor,
  pinDoubt,
} from "../../../provider/updates/offer.ts";

const ASKER: Asker = { sensorId: "0123456789abcdef", channel: "stable", pin: null };
const REQUEST = { version: "1.0", profile: "qemu", refused: [] };
const update = (version: string, more: Partial<Offerable> = {}): Offerable => ({
  ...{ version, profile: "qemu", channel: "stable", percent: 100, state: "offered" },
  ...more,
});

const CASES: readonly (readonly [
  string,
  Partial<Asker>,
  object,
  readonly Offerable[],
  string | null,
  readonly string[],
])[] = [
  ["nothing is published", {}, {}, [], null, []],
  ["the newest that is newer", {}, {}, [update("1.2"), update("1.10"), update("0.9")], "1.10", []],
  ["what runs is not offered", {}, {}, [update("1.0"), update("1.0~rc1")], null, []],
  ["another channel's", {}, {}, [update("1.1"), update("1.2", { channel: "beta" })], "1.1", []],
  ["its own channel's", { channel: "beta" }, {}, [update("1.1"), update("1.2", { channel: "beta" })], "1.2", []],
  ["another profile's", {}, {}, [update("1.1", { profile: "hardware" })], null, []],
  ["nobody is reached", {}, {}, [update("1.1", { percent: 0 })], null, []],
  [
    "a pin goes over channel and percentage",
    { pin: "1.1" },
    {},
    [update("1.1", { channel: "x", percent: 0 }), update("1.2")],
    "1.1",
    [],
  ],
  ["a pin to what runs", { pin: "1.0" }, {}, [update("1.0"), update("1.1")], null, []],
  ["a pin does not go back", { pin: "0.9" }, {}, [update("0.9"), update("1.1")], null, []],
  ["a pin to a stopped one", { pin: "1.1" }, {}, [update("1.1", { state: "stopped" })], null, []],
  ["a stopped one", {}, {}, [update("1.1"), update("1.2", { state: "stopped" })], "1.1", []],
  ["a withdrawn one is told", {}, {}, [update("1.1"), update("1.2", { state: "withdrawn" })], "1.1", ["1.2"]],
  ["of old ones nothing is told", {}, {}, [update("0.2", { state: "withdrawn" })], null, []],
  [
    "one that failed here",
    {},
    { refused: [{ version: "1.2", reason: "failedBefore" }] },
    [update("1.1"), update("1.2")],
    "1.1",
    [],
  ],
  [
    "one that came damaged is offered again",
    {},
    { refused: [{ version: "1.2", reason: "wrongHash" }] },
    [update("1.2")],
    "1.2",
    [],
  ],
];
for (const [name, asker, request, published, version, withdrawn] of CASES)
  test(`offerFor: ${name}`, () =>
    assert.deepEqual(offerFor({ ...ASKER, ...asker }, { ...REQUEST, ...request }, published), { version, withdrawn }));

const versions = fc.constantFrom("0.9", "1.0~rc1", "1.0", "1.1", "1.2~rc1", "1.2", "2.0");
const channels = fc.constantFrom("stable", "beta");
const profiles = fc.constantFrom("qemu", "hardware");
const published = fc.uniqueArray(
  fc.record({
    ...{ version: versions, profile: profiles, channel: channels, percent: fc.integer({ min: 0, max: 100 }) },
    state: fc.constantFrom("offered" as const, "stopped" as const, "withdrawn" as const),
  }),
  { selector: ({ version, profile }) => `${profile} ${version}` },
);
const asker = fc.record({
  sensorId: fc.stringMatching(/^[0-9a-f]{16}$/),
  channel: channels,
  pin: fc.option(versions),
});
const request = fc.record({
  version: versions,
  profile: profiles,
  refused: fc.array(fc.record({ version: versions, reason: fc.constantFrom(...REFUSAL_REASONS) })),
});

test("offerFor: only ever what is newer, offered, of the profile, and not refused for good; and no order of the list matters", () =>
  fc.assert(
    fc.property(asker, request, published, (who, question, list) => {
      const answer = offerFor(who, question, list);
      assert.deepEqual(offerFor(who, question, [...list].reverse()).version, answer.version);
      if (answer.version === null) return;
      const offered = list.find(({ version, profile }) => version === answer.version && profile === question.profile);
      assert.equal(offered?.state, "offered");
      assert.ok(compareVersions(answer.version, question.version) > 0);
      assert.ok(!question.refused.some((one) => one.version === answer.version && one.reason === "failedBefore"));
      if (who.pin !== null) assert.equal(answer.version, who.pin);
      else assert.equal(offered?.channel, who.channel);
      assert.ok(!answer.withdrawn.includes(answer.version));
    }),
  ));

test("isReached: a greater percentage only adds sensors, 0 is nobody and 100 everybody", () =>
  fc.assert(
    fc.property(fc.stringMatching(/^[0-9a-f]{16}$/), versions, fc.nat(99), (sensorId, version, percent) => {
      if (isReached(sensorId, version, percent)) assert.ok(isReached(sensorId, version, percent + 1));
      assert.equal(isReached(sensorId, version, 0), false);
      assert.equal(isReached(sensorId, version, 100), true);
    }),
  ));

test("isReached: of 4,000 sensors a quarter, and not the same ones for each version", () => {
  const sensors = Array.from({ length: 4000 }, (_, at) => (0x1000_0000 + at).toString(16).padStart(16, "0"));
  const first = sensors.filter((id) => isReached(id, "1.1", 25));
  const both = first.filter((id) => isReached(id, "1.2", 25));
  assert.ok(Math.abs(first.length - 1000) < 150, String(first.length));
  assert.ok(Math.abs(both.length - 250) < 100, String(both.length));
});

test("pinDoubt and channelDoubt: a choice that offers nothing for now", () => {
  const published = [
    update("1.1"),
    update("1.2", { state: "stopped" }),
    update("1.3", { state: "withdrawn", channel: "beta" }),
  ];
  const pins = ["1.0", "1.1", "1.2", "1.3", "1.4"].map((pin) => pinDoubt(pin, "1.0", published)?.split(":")[0]);
  assert.deepEqual(pins, [
    undefined,
    undefined,
    "1.2 is stopped",
    "1.3 was withdrawn, which is for good",
    "there is no update 1.4 here",
  ]);
  const channels = ["stable", "beta"].map((channel) => channelDoubt(channel, published));
  assert.deepEqual(channels, [undefined, "nothing is offered on channel beta for now"]);
});
