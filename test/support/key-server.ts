import {
  createCipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
} from "node:crypto";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { readVolumeKeyRequest, type VolumeKeyAnswer, type VolumeKeyRequest } from "../../core/contract/key-release.ts";
import type { Certified } from "./certificates.ts";

export interface KeyServer {
  readonly port: number;
  readonly server: Server;
  /** Every request as it was read, with the CN and address that it came from. */
  readonly requests: { readonly request: VolumeKeyRequest; readonly commonName: string; readonly from: string }[];
  /** What to answer; `share` is sealed as core/contract/key-release.ts says. */
  answer: (request: VolumeKeyRequest) => { share: Uint8Array; format: boolean } | VolumeKeyAnswer | string;
  close(): Promise<void>;
}

/** The two requests of key release, as a base would answer them, written apart from both sides' code. */
export async function startKeyServer(base: Certified): Promise<KeyServer> {
  const tls = { key: base.privateKey, cert: base.certificate, ca: base.authority };
  const server = createServer({ ...tls, requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.3" });
  server.on("request", async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    if (incoming.url === "/v1/challenge") {
      outgoing.end(JSON.stringify({ nonce: randomBytes(32).toString("base64") }));
      return;
    }
    const request = readVolumeKeyRequest(JSON.parse(Buffer.concat(chunks).toString("utf8")));
    const socket = incoming.socket as TLSSocket;
    const commonName = String(socket.getPeerCertificate().subject.CN);
    self.requests.push({ request, commonName, from: String(socket.remoteAddress) });
    const answer = self.answer(request);
    if (typeof answer === "string") outgoing.end(answer);
    else outgoing.end(JSON.stringify("share" in answer ? seal(request, answer.share, answer.format) : answer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const self: KeyServer = {
    port: (server.address() as AddressInfo).port,
    server,
    requests: [],
    answer: () => ({ state: "refused", why: "notActive" }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return self;
}

function seal(request: VolumeKeyRequest, share: Uint8Array, format: boolean): VolumeKeyAnswer {
  const { privateKey, publicKey } = generateKeyPairSync("x25519");
  const x = Buffer.from(request.ephemeralPublicKey, "base64").toString("base64url");
  const theirs = createPublicKey({ key: { kty: "OKP", crv: "X25519", x }, format: "jwk" });
  const shared = diffieHellman({ privateKey, publicKey: theirs });
  const nonce = Buffer.from(request.nonce, "base64");
  const key = Buffer.from(hkdfSync("sha256", shared, nonce, `cepa-key-release-1${request.sensorId}`, 32));
  const iv = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, iv);
  cipher.setAAD(nonce);
  const sealed = Buffer.concat([iv, cipher.update(share), cipher.final(), cipher.getAuthTag()]);
  const ephemeralPublicKey = publicKey.export({ format: "der", type: "spki" }).subarray(-32).toString("base64");
  return { state: "released", format, ephemeralPublicKey, sealedShare: sealed.toString("base64") };
}
