import assert from "node:assert/strict";
import { test } from "node:test";
import { LOADER_PLACES, type LoaderCopy, planLoader } from "../../../../appliance/firmware/loader-plan.ts";

const [FIRST, SECOND, THIRD, FOURTH, LAST] = LOADER_PLACES as [string, string, string, string, string];

/** A letter a copy, in the order of LOADER_PLACES: `a` and `A` are of one identity, signed twice; `-`: broken. */
const copiesOf = (letters: string): readonly LoaderCopy[] =>
  LOADER_PLACES.map((place, at) => {
    const letter = letters.charAt(at);
    return { place, sha256: `hash of ${letter}`, identity: letter === "-" ? undefined : letter.toLowerCase() };
  });
const plan = (letters: string, started: string | undefined, wanted: string, tried?: string) => {
  const { outcome, why, writes } = planLoader({ copies: copiesOf(letters), started, wanted, tried });
  return [outcome, why, ...writes.map(({ place, content }) => `${place} ${content}`)];
};
const started = (place: string) => `${place} started`;

for (const [name, given, expected] of [
  ["the wanted one goes where the firmware starts first", plan("aaaaa", FIRST, "b"), ["tried", "", `${FIRST} wanted`]],
  [
    "the box has started by it: the others follow, the last resort last",
    plan("baaaa", FIRST, "b", "b"),
    ["everywhere", "", ...[SECOND, THIRD, FOURTH, LAST].map(started)],
  ],
  ["a cut among the others", plan("bb-aa", FIRST, "b", "b"), ["everywhere", "", ...[THIRD, FOURTH, LAST].map(started)]],
  ["all are it", plan("bbbbb", FIRST, "b", "b"), ["everywhere", ""]],
  ["the same, signed again: nothing is written", plan("aaaaa", FIRST, "a"), ["everywhere", ""]],
  ["nor half and half", plan("aAAAA", FIRST, "a"), ["everywhere", "", ...[SECOND, THIRD, FOURTH, LAST].map(started)]],
  [
    "broken ones are mended before anything is tried, and before others",
    plan("aba-a", FIRST, "b"),
    ["tried", "", started(FOURTH), started(SECOND), `${FIRST} wanted`],
  ],
  ["the trial was cut off before it was written", plan("aaaaa", FIRST, "b", "b"), ["tried", "", `${FIRST} wanted`]],
  [
    "or broken by that: it goes where the next start comes from",
    plan("-aaaa", SECOND, "b", "b"),
    ["tried", "", `${FIRST} wanted`],
  ],
  ["the firmware passed it over", plan("baaaa", SECOND, "b", "b"), ["passedOver", "", started(FIRST)]],
  ["it passed over that of an earlier version", plan("baaaa", SECOND, "c", "b"), ["tried", "", `${FIRST} wanted`]],
  [
    "an earlier one was never spread: it is proven, and what the others become",
    plan("baaaa", FIRST, "c", "b"),
    ["tried", "", ...[SECOND, THIRD, FOURTH, LAST].map(started), `${FIRST} wanted`],
  ],
  [
    "the last resort was started: nothing unproven is put there",
    plan("aaaaa", LAST, "b"),
    ["waiting", "the firmware started its last resort, behind which nothing is"],
  ],
  [
    "the others were broken: one is tried, with all others behind it",
    plan("--aaa", LAST, "b"),
    ["tried", "", started(SECOND), `${FIRST} wanted`],
  ],
  [
    "it may be mended from there",
    plan("aaaab", LAST, "b", "b"),
    ["everywhere", "", ...[FIRST, SECOND, THIRD, FOURTH].map(started)],
  ],
  [
    "started by something else",
    plan("aaaaa", undefined, "b"),
    ["unknown", "the firmware started this box by no boot loader of ours"],
  ],
  [
    "started by a copy that is none of ours now",
    plan("-aaaa", FIRST, "b"),
    ["unknown", "the firmware started this box by no boot loader of ours"],
  ],
] as const)
  test(`planLoader: ${name}`, () => assert.deepEqual(given, expected));
