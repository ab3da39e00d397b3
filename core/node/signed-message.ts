import { type KeyObject, sign, verify } from "node:crypto";
import { COMMAND_BODY_BYTES, COMMAND_BYTES, COMMAND_LABEL } from "../contract/command.ts";
import { EMERGENCY_BODY_BYTES, EMERGENCY_BYTES, EMERGENCY_LABEL } from "../contract/emergency.ts";

/** `body` of an emergency message (44 octets) and its Ed25519 signature: the 108 octets to send. */
export function signEmergency(body: Uint8Array, privateKey: KeyObject): Uint8Array {
  return signMessage(EMERGENCY_LABEL, body, EMERGENCY_BODY_BYTES, privateKey);
}

/** Whether 108 octets carry the signature of `publicKey`; false, never an exception, for anything else. */
export function verifyEmergency(message: Uint8Array, publicKey: KeyObject): boolean {
  return verifyMessage(EMERGENCY_LABEL, message, EMERGENCY_BYTES, EMERGENCY_BODY_BYTES, publicKey);
}

/** `body` of a command (23 octets) and its Ed25519 signature: the 87 octets to send. */
export function signCommand(body: Uint8Array, privateKey: KeyObject): Uint8Array {
  return signMessage(COMMAND_LABEL, body, COMMAND_BODY_BYTES, privateKey);
}

export function verifyCommand(message: Uint8Array, publicKey: KeyObject): boolean {
  return verifyMessage(COMMAND_LABEL, message, COMMAND_BYTES, COMMAND_BODY_BYTES, publicKey);
}

function signMessage(label: string, body: Uint8Array, bodyBytes: number, privateKey: KeyObject): Uint8Array {
  if (body.length !== bodyBytes) throw new RangeError(`expected ${bodyBytes} octets to sign, found ${body.length}`);
  if (privateKey.asymmetricKeyType !== "ed25519") throw new TypeError("expected an Ed25519 key");
  const message = new Uint8Array(bodyBytes + 64);
  message.set(body);
  message.set(sign(null, signatureInput(label, body), privateKey), bodyBytes);
  return message;
}

function verifyMessage(
  label: string,
  message: Uint8Array,
  messageBytes: number,
  bodyBytes: number,
  publicKey: KeyObject,
): boolean {
  if (message.length !== messageBytes || publicKey.asymmetricKeyType !== "ed25519") return false;
  const input = signatureInput(label, message.subarray(0, bodyBytes));
  return verify(null, input, publicKey, message.subarray(bodyBytes));
}

function signatureInput(label: string, body: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(label, "ascii"), body]);
}
