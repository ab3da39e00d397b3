/**
 * What a protocol carries: `encrypted`, its payload is expected to be; `mixed`, it may be (set-up in clear, media or records
 * encrypted); `media`, sound or pictures, compressed as a rule; `plain`, anything in clear, and downloads too.
 */
export type Content = "encrypted" | "mixed" | "media" | "plain";

/** An application protocol. */
export interface Protocol {
  readonly name: string;
  /** What is flat is expected to be encrypted, and the protocol accounts for it. */
  readonly encrypts: boolean;
  readonly content: Content;
}

const NAMES = {
  encrypted: [
    ...["TLS", "DTLS", "QUIC", "SSH", "IKE", "ESP", "WireGuard", "OpenVPN", "DNSCrypt", "Tailscale"],
    ...["WhatsApp", "AliCloud", "Spotify", "Telegram", "SoftEther", "TeamViewer", "Tuya", "Steam", "ZeroTier"],
  ],
  mixed: [
    "SRTP",
    "STUN",
    "TURN",
    "RDP",
    "Discord",
    "SMB3 encrypted",
    "TACACS+",
    "Tinc",
    "TeamSpeak",
    "Apple Push",
    "BitTorrent",
  ],
  media: ["RTP", "RTMP", "MPEG-TS"],
  plain: [
    ...["HTTP", "HTTP/2", "DNS", "SMTP", "POP3", "IMAP", "FTP", "SMB", "NTP", "DHCP", "SIP", "AH", "RTCP", "RTSP"],
    ...["LDAP", "SNMP", "Kerberos", "DCE-RPC", "NFS", "ONC RPC", "NetBIOS", "DHCPv6", "RADIUS", "Diameter", "Syslog"],
    ...[
      "PostgreSQL",
      "MySQL",
      "TDS",
      "Oracle TNS",
      "MongoDB",
      "Redis",
      "Memcached",
      "Cassandra",
      "Kafka",
      "MQTT",
      "AMQP",
    ],
    ...["STOMP", "OpenWire", "Elasticsearch", "FastCGI", "AJP", "ZooKeeper", "NATS", "ZeroMQ", "Thrift", "gRPC"],
    ...["Modbus", "S7comm", "S7comm-plus", "COTP", "MMS", "H.323", "DNP3", "BACnet", "IEC 60870-5-104", "IEEE C37.118"],
    ...[
      "EtherNet/IP",
      "OPC UA",
      "ADS",
      "FINS",
      "KNXnet/IP",
      "CoAP",
      "SOME/IP",
      "DLMS",
      "HL7",
      "FIX",
      "DICOM",
      "HART-IP",
    ],
    ...["XMPP", "IRC", "NNTP", "Telnet", "VNC", "SOCKS", "TFTP", "rsync", "Git", "Gnutella", "eDonkey", "Bitcoin"],
    ...["Monero", "Stratum", "PPTP", "L2TP", "GTP", "PFCP", "NetFlow", "IPFIX", "sFlow", "collectd", "SSDP", "mDNS"],
    ...["MGCP", "Skinny", "LDP", "BGP", "Zabbix", "ATG", "Kismet", "WS-Discovery", "Source Engine", "RakNet", "RPKI"],
    ...["SMPP", "XDMCP", "IPP", "CAPWAP", "VXLAN", "OpenFlow", "iSCSI", "H.225 RAS", "T.38", "SLP", "BJNP", "NTLM"],
    ...["Git LFS", "WHOIS", "Finger", "Gopher", "Beanstalk", "Munin", "Check_MK", "Ganglia", "StatsD", "PTP", "RIP"],
    ...["HSRP", "RMCP", "UFTP", "Ookla", "Protobuf", "JSON-RPC", "Java RMI", "CORBA", "Lustre", "AFP", "DHT"],
  ],
} as const;

export type ProtocolName = (typeof NAMES)[Content][number];

/** By code; a session's code is one octet, 0 for none. */
export const PROTOCOLS: readonly (Protocol | undefined)[] = [
  undefined,
  ...NAMES.encrypted.map((name): Protocol => ({ name, encrypts: true, content: "encrypted" })),
  ...NAMES.mixed.map((name): Protocol => ({ name, encrypts: true, content: "mixed" })),
  ...NAMES.media.map((name): Protocol => ({ name, encrypts: false, content: "media" })),
  ...NAMES.plain.map((name): Protocol => ({ name, encrypts: false, content: "plain" })),
];

const codes = new Map(PROTOCOLS.map((protocol, code) => [protocol?.name ?? "", code]));

export function codeOf(name: ProtocolName): number {
  return codes.get(name) ?? PROTOCOL_NONE;
}

export const PROTOCOL_NONE = 0;
export const PROTOCOL_ESP: number = codeOf("ESP");
export const PROTOCOL_TLS: number = codeOf("TLS");
export const PROTOCOL_SSH: number = codeOf("SSH");
export const PROTOCOL_QUIC: number = codeOf("QUIC");
export const PROTOCOL_OPENVPN: number = codeOf("OpenVPN");
/** A session that carried an HTTP request. */
export const PROTOCOL_HTTP: number = codeOf("HTTP");
export const PROTOCOL_HTTP2: number = codeOf("HTTP/2");
