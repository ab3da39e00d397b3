import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../../core/checked-json.ts";
import { statePaths } from "../../../provider/state/paths.ts";
import { type ProviderSettings, parseRemote, readSettingsJson } from "../../../provider/state/settings.ts";
import { DISABLED_CCD, renderCcd } from "../../../provider/vpn/ccd.ts";
import { renderClientConfig } from "../../../provider/vpn/client-config.ts";
import { parseStatus } from "../../../provider/vpn/management.ts";
import { renderServerConfig } from "../../../provider/vpn/server-config.ts";
import { nextFreeAddress, parseSubnet, subnetMask } from "../../../provider/vpn/subnet.ts";

const SETTINGS: ProviderSettings = {
  vpnSubnet: "10.213.0.0/16",
  remoteHost: "base.example.net",
  remoteUdpPort: 1194,
  remoteTcpPort: 443,
  listenUdpPort: 11940,
  listenTcpPort: 4430,
  basePort: 8443,
  smsNumber: "+441632960961",
  authorityFolder: "/var/lib/cepa/ca",
  createdAtMs: 1,
};

test("renderCcd", () => {
  assert.equal(renderCcd("10.213.1.1", "255.255.0.0"), "ifconfig-push 10.213.1.1 255.255.0.0\n");
  assert.equal(DISABLED_CCD, "disable\n");
});

test("renderClientConfig: the whole file", () => {
  const text = renderClientConfig({
    remoteHost: "base.example.net",
    udpPort: 1194,
    tcpPort: 443,
    serverName: "cepa-base-vpn",
    stateFolder: "/state",
  });
  assert.equal(
    text,
    `client
dev tun0
dev-type tun
nobind
persist-tun
persist-key
tls-crypt-v2 /state/identity/tls-crypt-v2.key
<connection>
remote base.example.net 1194 udp4
connect-timeout 10
connect-retry 2 60
explicit-exit-notify 1
</connection>
<connection>
remote base.example.net 443 tcp4-client
connect-timeout 10
connect-retry 2 60
</connection>
remote-cert-tls server
verify-x509-name cepa-base-vpn name
tls-version-min 1.3
data-ciphers AES-256-GCM:CHACHA20-POLY1305
auth SHA256
allow-compression no
auth-nocache
disable-dco
ca /state/identity/ca.crt
cert /state/identity/sensor.crt
key /state/identity/sensor.key
verb 3
`,
  );
});

test("renderServerConfig: what keeps sensors apart and certificates honest is there, paths are quoted", () => {
  const config = (transport: "udp" | "tcp") =>
    renderServerConfig({
      transport,
      settings: SETTINGS,
      paths: statePaths('/srv/my "base"'),
      listenAddress: "0.0.0.0",
      managementSocket: `/run/cepa/${transport}.sock`,
      routeScript: "/run/cepa/learn-address",
      keyPath: "/run/cepa/server.key",
      tlsCryptV2Path: "/run/cepa/tls-crypt-v2.key",
    }).split("\n");
  for (const line of [
    "proto udp4",
    "port 11940",
    "dev cepa-udp",
    "topology subnet",
    "ifconfig 10.213.0.1 255.255.0.0",
    'client-config-dir "/srv/my \\"base\\"/vpn/ccd"',
    "ccd-exclusive",
    'crl-verify "/srv/my \\"base\\"/vpn/crl.pem"',
    'key "/run/cepa/server.key"',
    'tls-crypt-v2 "/run/cepa/tls-crypt-v2.key" force-cookie',
    "remote-cert-tls client",
    "reneg-sec 300",
    "tran-window 30",
    "explicit-exit-notify 1",
    'learn-address "/bin/sh /run/cepa/learn-address cepa-udp"',
    'management "/run/cepa/udp.sock" unix',
  ])
    assert.ok(config("udp").includes(line), line);
  for (const line of ["proto tcp4-server", "port 4430", "dev cepa-tcp"]) assert.ok(config("tcp").includes(line), line);
  assert.equal(
    config("udp").some((line) => line.startsWith("client-to-client") || line.startsWith("duplicate-cn")),
    false,
  );
});

test("parseSubnet: private subnets without host bits", () => {
  assert.deepEqual(parseSubnet("10.213.0.0/16"), { network: 0x0ad50000, prefixLength: 16 });
  assert.equal(subnetMask(parseSubnet("172.16.0.0/12")), "255.240.0.0");
  assert.equal(subnetMask(parseSubnet("192.168.4.0/22")), "255.255.252.0");
  for (const text of [
    "",
    "10.213.0.0",
    "10.213.0.1/16",
    "8.8.0.0/16",
    "10.0.0.0/7",
    "192.168.1.0/24",
    "10.0.0.0/016",
    "a/16",
    "172.32.0.0/16",
    "10.256.0.0/16",
  ])
    assert.throws(() => parseSubnet(text), ConfigError, text);
});

test("nextFreeAddress: from .1.1 on, no address that ends in 0 or 255, undefined at the end", () => {
  const subnet = parseSubnet("192.168.4.0/22");
  const taken = new Set<string>();
  const given: string[] = [];
  for (let next = nextFreeAddress(subnet, taken); next !== undefined; next = nextFreeAddress(subnet, taken)) {
    given.push(next);
    taken.add(next);
  }
  assert.deepEqual(
    [given[0], given[253], given[254], given.at(-1), given.length],
    ["192.168.5.1", "192.168.5.254", "192.168.6.1", "192.168.7.254", 762],
  );
  taken.delete("192.168.5.7");
  assert.equal(nextFreeAddress(subnet, taken), "192.168.5.7");
});

test("parseStatus: clients with an address; what is no sensor is passed over", () => {
  const lines = [
    "TITLE\tOpenVPN 2.6.14",
    "TIME\t2026-11-24 16:24:00\t1795537440",
    "HEADER\tCLIENT_LIST\tCommon Name\tReal Address\tVirtual Address",
    "CLIENT_LIST\t0011223344556677\t198.51.100.1:38694\t10.213.1.1\t\t3021\t3354\t2026-11-24 16:22:17\t1795537337\tUNDEF\t0\t0\tAES-256-GCM",
    "CLIENT_LIST\tUNDEF\t198.51.100.9:1\t\t\t0\t0\t2026-11-24 16:22:17\t1795537337\tUNDEF\t1\t1\t",
    "CLIENT_LIST\t8899aabbccddeeff\ttcp4:198.51.100.2:50000\t\t\t0\t0\t2026-11-24 16:22:17\t1795537337\tUNDEF\t2\t2\t",
    "ROUTING_TABLE\t10.213.1.1\t0011223344556677\t198.51.100.1:38694\t2026-11-24 16:22:18\t1795537338",
    "GLOBAL_STATS\tMax bcast/mcast queue length\t0",
  ];
  assert.deepEqual(parseStatus(lines, "udp"), [
    {
      sensorId: "0011223344556677",
      transport: "udp",
      from: "198.51.100.1:38694",
      vpnAddress: "10.213.1.1",
      receivedBytes: 3021,
      sentBytes: 3354,
      connectedAtMs: 1_795_537_337_000,
    },
  ]);
});

test("parseRemote", () => {
  const cases = [
    ["base.example.net", { host: "base.example.net", udpPort: 1194, tcpPort: 443 }],
    ["10.0.2.2:5000", { host: "10.0.2.2", udpPort: 5000, tcpPort: 443 }],
    ["10.0.2.2:5000,6000", { host: "10.0.2.2", udpPort: 5000, tcpPort: 6000 }],
    ["10.0.2.256", undefined],
    ["host:0", undefined],
    ["host:70000", undefined],
    ["host:1,2,3", undefined],
    ["host\nup /bin/sh", undefined],
    ["-host", undefined],
    ["", undefined],
  ] as const;
  for (const [text, expected] of cases) assert.deepEqual(parseRemote(text), expected, JSON.stringify(text));
});

test("readSettingsJson: whole, or the first thing that is wrong by name", () => {
  assert.deepEqual(readSettingsJson(SETTINGS), SETTINGS);
  const cases = [
    [{ basePort: 0 }, "settings.basePort: expected an integer, 1..65535, found 0"],
    [{ more: 1 }, /settings\.more: expected one of /],
    [{ smsNumber: "0044" }, 'settings.smsNumber: expected a number like +441632960961, found "0044"'],
    [{ vpnSubnet: "8.8.0.0/16" }, /vpnSubnet: expected a private subnet/],
  ] as const;
  for (const [change, message] of cases)
    assert.throws(() => readSettingsJson({ ...SETTINGS, ...change }), { name: "ConfigError", message });
});
