import "reflect-metadata";
import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { test } from "node:test";
import * as x509 from "@peculiar/x509";
import { makeBoxKeys } from "../../../image/flash/box-keys.ts";

test("makeBoxKeys: what base sees belongs to what the box keeps", async () => {
  const keys = await makeBoxKeys("0123456789abcdef");
  const request = new x509.Pkcs10CertificateRequest(keys.csrPem);
  assert.equal(request.subject, "CN=0123456789abcdef");
  assert.ok(await request.verify());
  const privateKey = createPrivateKey(Buffer.from(keys.privateKeyPem));
  assert.equal(privateKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  assert.deepEqual(Buffer.from(request.publicKey.rawData), spki);
  const emergency = createPrivateKey(Buffer.from(keys.emergencyKeyPem));
  assert.equal(emergency.asymmetricKeyType, "ed25519");
  assert.equal(createPublicKey(emergency).export({ format: "pem", type: "spki" }), keys.emergencyPublicKeyPem);
  // The PEM is as others write it, line by line.
  for (const [pem, key] of [
    [keys.privateKeyPem, privateKey],
    [keys.emergencyKeyPem, emergency],
  ] as const)
    assert.equal(Buffer.from(pem).toString("latin1"), key.export({ format: "pem", type: "pkcs8" }));
});
