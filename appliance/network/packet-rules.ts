/** Of the user cepa-capture. */
const CAPTURE_USER_ID = 901;

/**
 * Rules for `nft -f`, beside those of the image (overlay/usr/lib/cepa/nftables.conf); given again, they are put in the place of what they
 * were. Dropped is every frame that is about to leave a SPAN port, whoever sends it, and on each port of the box what the capture role
 * sends, whose packet sockets pass by every filter above (netdev egress hook). `baseAddress` is let in on the tunnel.
 */
export function renderPacketRules(
  ports: readonly string[],
  spanPorts: readonly string[],
  baseAddress: string | undefined,
): string {
  return [
    ...(baseAddress === undefined ? [] : [`add element inet cepa base { ${baseAddress} }`]),
    ...egressTable("span", spanPorts, 0, ["policy drop;", "counter"]),
    ...egressTable("capture", ports, 1, ["policy accept;", `meta skuid ${CAPTURE_USER_ID} counter drop`]),
  ]
    .map((line) => `${line}\n`)
    .join("");
}

function egressTable(
  name: string,
  devices: readonly string[],
  priority: number,
  rules: readonly string[],
): readonly string[] {
  const emptied = [`add table netdev ${name}`, `delete table netdev ${name}`];
  if (devices.length === 0) return emptied;
  const list = devices.map((device) => JSON.stringify(device)).join(", ");
  const hook = `type filter hook egress devices = { ${list} } priority ${priority};`;
  return [
    ...emptied,
    `table netdev ${name} {`,
    "  chain egress {",
    `    ${hook}`,
    ...rules.map((rule) => `    ${rule}`),
    "  }",
    "}",
  ];
}
