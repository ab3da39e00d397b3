import assert from "node:assert/strict";
import { test } from "node:test";
import { renderPacketRules } from "../../../../appliance/network/packet-rules.ts";

test("renderPacketRules: a box with nothing to say has its old tables taken away, and no others", () => {
  assert.equal(
    renderPacketRules([], [], undefined),
    "add table netdev span\ndelete table netdev span\nadd table netdev capture\ndelete table netdev capture\n",
  );
});

test("renderPacketRules: without a SPAN port capture is silenced all the same, and base is let in", () => {
  const rules = renderPacketRules(["end0", "wlp2s0"], [], "10.8.0.1");
  assert.match(rules, /^add element inet cepa base \{ 10\.8\.0\.1 \}\n/);
  assert.match(
    rules,
    /devices = \{ "end0", "wlp2s0" \} priority 1;\n {4}policy accept;\n {4}meta skuid 901 counter drop\n/,
  );
  assert.doesNotMatch(rules, /table netdev span \{/);
});
