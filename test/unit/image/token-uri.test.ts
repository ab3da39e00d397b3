import assert from "node:assert/strict";
import { test } from "node:test";
import { faultOfTokenUri } from "../../../image/token-uri.ts";

for (const [name, uri, fault] of [
  ["with a file of the PIN", "pkcs11:token=a;object=db;pin-source=file:/p", undefined],
  ["with the PIN", "pkcs11:token=a;object=db?pin-value=1234", /the PIN must not be in it/],
  ["a file", "/secure/db.key", /expected pkcs11:…, found "\/secure\/db\.key"/],
  ["two lines", "pkcs11:token=a\nrm", /expected pkcs11/],
  ["nothing", "", /expected pkcs11/],
] as const)
  test(`faultOfTokenUri: ${name}`, () => {
    const found = faultOfTokenUri(uri);
    if (fault === undefined) assert.equal(found, undefined);
    else assert.match(found ?? "", fault);
  });
