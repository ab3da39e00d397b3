/** Why a program that was asked doesn't have a fact, for those that somebody has looked at; by capture, and by the client's port where there are several. */
export interface Reason {
  readonly capture: string;
  readonly port?: number;
  readonly why: string;
}

const OUT_OF_ORDER = "The server's segments come out of order, and tshark puts them in order only when it is told to.";
const ODD_PORT = "SSH on a port that isn't SSH's; tshark goes by the port.";
const SPACES =
  "The target has a space in it: the others end it there, which is what they are credited with in the union.";

export const SSDP = "SSDP, which is HTTP over UDP: there is none of it in the union.";

export const REASONS: readonly Reason[] = [
  {
    capture: "ndpi__KakaoTalk_chat.pcap",
    port: 35503,
    why: "The server's SYN came twice, with another sequence number: tshark takes all that follows for repetitions.",
  },
  {
    capture: "ndpi__KakaoTalk_chat.pcap",
    port: 58964,
    why: "The capture ends within the server's record, for the rest of which tshark waits.",
  },
  { capture: "ndpi__android.pcap", port: 36888, why: OUT_OF_ORDER },
  { capture: "ndpi__malware.pcap", port: 41240, why: OUT_OF_ORDER },
  { capture: "ndpi__ookla.pcap", port: 35830, why: "TLS on port 8080, which tshark takes for HTTP." },
  { capture: "ndpi__wechat.pcap", why: "Google's QUIC, whose fields tshark was not asked for." },
  { capture: "zeek__ssh__ssh.pcap", port: 40184, why: ODD_PORT },
  { capture: "zeek__ssh__ssh.pcap", port: 55179, why: ODD_PORT },
  { capture: "zeek__ssl-and-ssh-using-sslh.pcap", port: 49641, why: "SSH on port 443, which tshark takes for TLS." },
  { capture: "ndpi__WebattackRCE.pcap", port: 50632, why: SPACES },
  { capture: "sv__http-uri-spaces__input.pcap", port: 55771, why: SPACES },
  { capture: "sv__bug-5437-01__input.pcap", port: 59938, why: SPACES },
  {
    capture: "sv__http2-keywords2__input.pcap",
    port: 58038,
    why: "HTTP/2, reached by an upgrade: `04 88` is a path in Huffman code of 8 octets, `627b691d 485d3e53` is `/humans.txt` (RFC 7541).",
  },
];
