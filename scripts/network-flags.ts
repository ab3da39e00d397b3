import { type NetworkConfig, readNetworkConfig } from "../core/contract/network.ts";
import { readByOption, UsageError } from "./command-line.ts";

/** Options of `cepa flash`, as they were given. */
export interface NetworkFlags {
  readonly uplink?: string | undefined;
  readonly span?: readonly string[] | undefined;
  readonly address?: string | undefined;
  readonly gateway?: string | undefined;
  readonly dns?: readonly string[] | undefined;
  readonly vlan?: string | undefined;
  readonly mtu?: string | undefined;
}

const OPTIONS = {
  ...{ uplink: "--uplink", span: "--span", vlan: "--vlan", mtuBytes: "--mtu" },
  ...{ address: "--address", gateway: "--gateway", dns: "--dns" },
};

/** What becomes network.json of a box. Throws a UsageError that names the option: at the box nobody is there to see it. */
export function readNetworkFlags(flags: NetworkFlags): NetworkConfig {
  const { address, gateway, dns, vlan, mtu } = flags;
  const [uplink, span] = [flags.uplink?.toLowerCase(), flags.span?.map((port) => port.toLowerCase())];
  const lacking = Object.entries({ address, gateway, dns }).filter(([, given]) => given === undefined);
  if (lacking.length === 1 || lacking.length === 2)
    throw new UsageError(
      `cepa flash: --address, --gateway and --dns go together; missing: ${lacking.map(([name]) => `--${name}`).join(", ")}`,
    );
  if (uplink !== undefined && span?.includes(uplink))
    throw new UsageError(`cepa flash: --span ${uplink}: that port is the uplink`);
  return readByOption(OPTIONS, () =>
    readNetworkConfig({
      ...(uplink !== undefined && { uplink }),
      ...(span !== undefined && { span }),
      ...(address !== undefined && { static: { address, gateway, dns } }),
      ...(vlan !== undefined && { vlan: wholeNumber(vlan) }),
      ...(mtu !== undefined && { mtuBytes: wholeNumber(mtu) }),
    }),
  );
}

/** What is no number stays text, for the reader to say what it found. */
function wholeNumber(text: string): number | string {
  return /^\d{1,9}$/.test(text) ? Number(text) : text;
}
