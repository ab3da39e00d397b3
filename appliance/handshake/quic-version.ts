/** How the Initial packets of a version of QUIC are protected and laid out. */
export interface QuicVersion {
  readonly salt: Uint8Array;
  /** Before "key", "iv" and "hp" in the labels of the keys. */
  readonly label: string;
  /** Bits 5 and 4 of the first octet of an Initial packet. */
  readonly initialType: number;
  /** "google": frames are those of gQUIC, and in Q050 the handshake is its own. */
  readonly frames: "ietf" | "google";
}

const VERSION_1 = 0x00000001;
const VERSION_2 = 0x6b3343cf;
const VERSION_Q050 = 0x51303530;
const VERSION_T050 = 0x54303530;
const VERSION_T051 = 0x54303531;
/** mvfst, of drafts 22 and 27; the others are of v1's time or later. */
const VERSION_MVFST_22 = 0xfaceb001;
const VERSION_MVFST_27 = 0xfaceb002;
const VERSION_MVFST_EXPERIMENTAL = 0xfaceb00e;

function ietf(salt: string, label = "quic ", initialType = 0): QuicVersion {
  return { salt: octetsOf(salt), label, initialType, frames: "ietf" };
}

function google(salt: string): QuicVersion {
  return { salt: octetsOf(salt), label: "quic ", initialType: 0, frames: "google" };
}

function octetsOf(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}

/** RFC 9001, section 5.2, and draft-ietf-quic-tls-33 and -34. */
const OF_VERSION_1 = ietf("38762cf7f55934b34d179ae6a4c80cadccbb7f0a");
/** RFC 9369, section 3. */
const OF_VERSION_2 = ietf("0dede3def700a6db819381be6e269dcbf9bd2ed9", "quicv2 ", 1);
/** draft-ietf-quic-tls-22, -23 and -29, section 5.2. */
const OF_DRAFT_22 = ietf("7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a");
const OF_DRAFT_23 = ietf("c3eef712c72ebb5a11a7d2432bb46365bef9f502");
const OF_DRAFT_29 = ietf("afbfec289993d24c9e9786f19c6111e04390a899");
/** Chromium, quiche's crypto_utils.cc. */
const OF_Q050 = google("504574efd066fe2f9d945cfcdbd3a7f0d3b56b45");
const OF_T050 = google("7ff579e5acd072915580304c43a2367c60488310");
const OF_T051 = google("7a4edef4e7ccee5fa4506c19124fc8ccda6e033d");

/** By the number in a long header (unsigned); undefined where it is not known. */
export function quicVersionOf(version: number): QuicVersion | undefined {
  switch (version) {
    case VERSION_1:
      return OF_VERSION_1;
    case VERSION_2:
      return OF_VERSION_2;
    case VERSION_Q050:
      return OF_Q050;
    case VERSION_T050:
      return OF_T050;
    case VERSION_T051:
      return OF_T051;
    case VERSION_MVFST_22:
      return OF_DRAFT_22;
    case VERSION_MVFST_27:
    case VERSION_MVFST_EXPERIMENTAL:
      return OF_DRAFT_23;
  }
  // RFC 9000, section 15: 0x?a?a?a?a forces version negotiation; what asks so is laid out as version 1
  if ((version & 0x0f0f0f0f) === 0x0a0a0a0a) return OF_VERSION_1;
  if (version >>> 8 === 0xfaceb0) return OF_DRAFT_29;
  if (version >>> 8 !== 0xff0000) return undefined;
  const draft = version & 0xff;
  if (draft < 22 || draft > 34) return undefined;
  if (draft === 22) return OF_DRAFT_22;
  if (draft < 29) return OF_DRAFT_23;
  return draft < 33 ? OF_DRAFT_29 : OF_VERSION_1;
}
