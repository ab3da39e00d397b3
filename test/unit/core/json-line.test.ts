import assert from "node:assert/strict";
import { test } from "node:test";
import { renderJsonLine } from "../../../core/json-line.ts";

test("renderJsonLine: the same value, without a control character", () => {
  const value = { uri: "/\u009b2J\u001b[2J\u007f\u0080\u009f\u00a0é", n: 1 };
  const line = renderJsonLine(value);
  assert.equal(line, '{"uri":"/\\u009b2J\\u001b[2J\\u007f\\u0080\\u009f\u00a0é","n":1}');
  assert.deepEqual(JSON.parse(line), value);
});
