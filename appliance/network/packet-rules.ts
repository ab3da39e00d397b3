/** Of the user cepa-capture. */
const CAPTURE_USER_ID = 901;

/**
 * Rules for `nft -f`, beside those of the image (overlay/usr/lib/cepa/nftables.conf); given again, they are put in the place of what they
 * were. Dropped is every frame that is about to leave a SPAN port, whoever sends it, and on each port of the box what the capture role
 * sends, whose packet sockets pass by every filter above (netdev egress hook). What comes in by a SPAN port is dropped too, behind the
 * packet sockets of ETH_P_ALL, which have it first, and before all that the kernel would do with it (netdev ingress hook: Linux,
 * net/core/dev.c, __netif_receive_skb_core). `baseAddress` is let in on the tunnel.
 */
export function renderPacketRules(
  ports: readonly string[],
  spanPorts: readonly string[],
  baseAddress: string | undefined,
): string {
  return [
    ...(baseAddress === undefined ? [] : [`add element inet cepa base { ${baseAddress} }`]),
    ...tableOf("span", spanPorts, [
      { hook: "ingress", priority: 0, rules: ["policy drop;"] },
      { hook: "egress", priority: 0, rules: ["policy drop;", "counter"] },
    ]),
    ...tableOf("capture", ports, [
      { hook: "egress", priority: 1, rules: ["policy accept;", `meta skuid ${CAPTURE_USER_ID} counter drop`] },
    ]),
  ]
    .map((line) => `${line}\n`)
    .join("");
}

interface Chain {
  /** Its name as well. */
  readonly hook: "ingress" | "egress";
  readonly priority: number;
  readonly rules: readonly string[];
}

function tableOf(name: string, devices: readonly string[], chains: readonly Chain[]): readonly string[] {
  const emptied = [`add table netdev ${name}`, `delete table netdev ${name}`];
  if (devices.length === 0) return emptied;
  const list = devices.map((device) => JSON.stringify(device)).join(", ");
  return [
    ...emptied,
    `table netdev ${name} {`,
    ...chains.flatMap(({ hook, priority, rules }) => [
      `  chain ${hook} {`,
      `    type filter hook ${hook} devices = { ${list} } priority ${priority};`,
      ...rules.map((rule) => `    ${rule}`),
      "  }",
    ]),
    "}",
  ];
}
