/**
 * What the set-up of an encrypted session says in clear. Names are the record's columns; null: not seen. A reader gives one
 * to its sink for each handshake, once no more is to be learned of it or the session ends.
 */
export interface HandshakeFacts {
  /** As in PROTOCOLS of entropy/recognise-protocol.ts. */
  readonly protocol: "TLS" | "DTLS" | "QUIC" | "SSH" | "OpenVPN";
  /** Side of the client. */
  readonly clientSide: number;
  /** Unix microseconds of its first message. */
  readonly timeUs: number;
  readonly sni: string | null;
  /** The protocol that was chosen, or the first that was offered where the choice is encrypted (TLS 1.3). */
  readonly alpn: string | null;
  /** FoxIO's client fingerprint (BSD licence), "t13d1516h2_8daaf6152771_e5627efa2ab1". */
  readonly ja4: string | null;
  /** As negotiated, "0x0304"; as the client wants it in Google's QUIC, "Q043". */
  readonly version: string | null;
  /** The suite that was chosen, "0x1301". */
  readonly cipher: string | null;
  /** Distinguished names, RFC 4514. */
  readonly certSubject: string | null;
  readonly certIssuer: string | null;
  /** Lower-case hexadecimal, of the leaf. */
  readonly certSerial: string | null;
  readonly certSha256: string | null;
  /** Unix seconds. */
  readonly certNotAfter: number | null;
  readonly clientCertSerial: string | null;
  /** SSH, without line end. */
  readonly clientBanner: string | null;
  readonly serverBanner: string | null;
  readonly hassh: string | null;
  readonly hasshServer: string | null;
}

/** What a protocol's set-up doesn't say. */
export const UNSEEN: Omit<HandshakeFacts, "protocol" | "clientSide" | "timeUs"> = {
  sni: null,
  alpn: null,
  ja4: null,
  version: null,
  cipher: null,
  certSubject: null,
  certIssuer: null,
  certSerial: null,
  certSha256: null,
  certNotAfter: null,
  clientCertSerial: null,
  clientBanner: null,
  serverBanner: null,
  hassh: null,
  hasshServer: null,
};

export type HandshakeSink = (facts: HandshakeFacts) => void;
