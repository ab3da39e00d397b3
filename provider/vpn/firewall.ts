import { type Clock, type Exec, ExecError } from "../../core/ports.ts";
import { baseAddress, type ProviderSettings } from "../state/settings.ts";
import { TRANSPORTS, tunnelDevice } from "./server-config.ts";

export const FIREWALL_TABLE = "inet cepa_base";

/**
 * What may come out of the tunnel: to base's one port and ping, from an address that routes back the same way, and nothing
 * to another sensor or through base. What does not come out of the tunnel can't have, or reach, an address of it.
 */
export function renderFirewall(settings: ProviderSettings): string {
  const subnet = settings.vpnSubnet;
  const base = baseAddress(settings);
  const devices = TRANSPORTS.map((transport) => `"${tunnelDevice(transport)}"`).join(", ");
  return `table ${FIREWALL_TABLE}
delete table ${FIREWALL_TABLE}
table ${FIREWALL_TABLE} {
  chain input {
    type filter hook input priority filter - 10; policy accept;
    iifname { ${devices} } jump tunnel
    iifname != { "lo", ${devices} } ip daddr ${subnet} counter drop
    iifname != { "lo", ${devices} } ip saddr ${subnet} counter drop
  }
  chain tunnel {
    meta nfproto ipv6 counter drop
    ip saddr != ${subnet} counter drop
    fib saddr . iif oif missing counter drop
    ct state established,related accept
    ip daddr ${base} tcp dport ${settings.basePort} accept
    ip daddr ${base} icmp type echo-request limit rate 20/second accept
    counter drop
  }
  chain forward {
    type filter hook forward priority filter - 10; policy accept;
    iifname { ${devices} } counter drop
    oifname { ${devices} } counter drop
  }
}
`;
}

export async function installFirewall(settings: ProviderSettings, exec: Exec, signal: AbortSignal): Promise<void> {
  await exec("nft", ["-f", "-"], signal, { stdin: renderFirewall(settings), timeoutMs: 30_000 });
}

export async function removeFirewall(exec: Exec, signal: AbortSignal): Promise<void> {
  await exec("nft", ["delete", "table", ...FIREWALL_TABLE.split(" ")], signal, { timeoutMs: 30_000 });
}

const WATCH_MS = 10_000;

/** Puts the table back when something else on the machine flushed it; `onRestored` is told each time. */
export async function runFirewallWatch(
  settings: ProviderSettings,
  ports: { readonly clock: Clock; readonly exec: Exec },
  onRestored: () => void,
  signal: AbortSignal,
): Promise<void> {
  while (true) {
    await ports.clock.sleep(WATCH_MS, signal);
    try {
      await ports.exec("nft", ["list", "table", ...FIREWALL_TABLE.split(" ")], signal, { timeoutMs: 30_000 });
    } catch (error) {
      if (!(error instanceof ExecError) || error.status === undefined) throw error;
      await installFirewall(settings, ports.exec, signal);
      onRestored();
    }
  }
}
