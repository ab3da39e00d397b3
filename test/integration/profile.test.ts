import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readEntropyProfile } from "../../appliance/entropy/entropy-profile.ts";
import { runSensor } from "../support/read-captures.ts";

const folder = mkdtempSync(join(tmpdir(), "cepa-profile-"));
after(() => rmSync(folder, { recursive: true }));

const OFFICE = join(import.meta.dirname, "../captures/office-minute/input.pcap");
const LEARN = ["profile", "learn", "--protocol", "TLS"];

test("profile learn, show and check: what a profile was learned from doesn't leave it; what is narrower is left", () => {
  const path = join(folder, "tls.json");
  const learned = runSensor([...LEARN, "--source", "an office", "--output", path, OFFICE]);
  assert.deepEqual([learned.status, learned.stdout, learned.stderr], [0, "", ""]);
  const profile = readEntropyProfile(JSON.parse(readFileSync(path, "utf8")), path);
  assert.deepEqual([profile.protocol, profile.source], ["TLS", "an office"]);
  assert.ok(profile.client.length > 0 && profile.server.length > 0);
  assert.match(runSensor(["profile", "show", path]).stdout, /^TLS: an office\n {2}client +\d+-\d+ octets/);

  const within = runSensor(["profile", "check", "--profiles", folder, OFFICE]);
  assert.match(within.stdout, /^TLS: 0 of \d+ directions left the profile$/m);

  const narrow = profile.client.map((range) => ({ ...range, lower: 8 }));
  writeFileSync(path, JSON.stringify({ ...profile, client: narrow }));
  const left = runSensor(["profile", "check", "--profiles", folder, OFFICE]);
  assert.equal(left.status, 1);
  assert.match(left.stdout, /^entropyProfileFalling TLS .* by src: .* bits a byte after \d+ octets, expected 8 to 8$/m);
});

for (const { name, args, says } of [
  { name: "no verb", args: [], says: "learn, check or show?" },
  { name: "no protocol", args: ["learn", OFFICE], says: "learn: --protocol: of which protocol?" },
  {
    name: "an unknown protocol",
    args: ["learn", "--protocol", "TSL", OFFICE],
    says: 'learn: --protocol: "TSL" is not one that is recognised',
  },
  { name: "no file", args: LEARN.slice(1), says: "learn: from which file?" },
  {
    name: "too few sessions",
    args: ["learn", "--protocol", "Modbus", OFFICE],
    says: "learn: too few sessions of Modbus that were seen from their start",
  },
  {
    name: "a bad margin",
    args: [...LEARN.slice(1), "--margin", "x", OFFICE],
    says: 'learn: --margin: expected 0..8, found "x"',
  },
])
  test(`profile: refused: ${name}`, () => {
    const { status, stdout, stderr } = runSensor(["profile", ...args]);
    assert.deepEqual([status, stdout, stderr], [2, "", `cepa-sensor: profile: ${says}\n`]);
  });
