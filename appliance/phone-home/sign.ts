import { createPrivateKey } from "node:crypto";
import { encodeEmergencyBody } from "../../core/contract/emergency.ts";
import { signEmergency } from "../../core/node/signed-message.ts";
import { composeEmergency, type MessageIdentity } from "./message.ts";
import type { PhoneHomePorts } from "./service.ts";

/** Signs with the key in `pem` (PKCS #8, Ed25519); `next` names the message at the moment of signing. */
export function signer(pem: string, next: () => MessageIdentity): PhoneHomePorts["sign"] {
  const key = createPrivateKey(pem);
  return (reasons, situation) =>
    signEmergency(encodeEmergencyBody(composeEmergency(next(), reasons, situation)), key).toHex();
}
