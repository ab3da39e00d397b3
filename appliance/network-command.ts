import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ConfigError } from "../core/checked-json.ts";
import type { NetworkConfig } from "../core/contract/network.ts";
import { writeFileAtomically } from "../core/node/atomic-file.ts";
import { loadNetworkConfig } from "./config.ts";
import { disableIpv6, readNetworkPorts, writeNetworkdFiles } from "./network/interfaces.ts";
import { planNetwork, planPortRoles } from "./network/plan.ts";

const NETWORK_USAGE = `cepa-sensor network [--dry-run] [--state FOLDER] [--run FOLDER] [--networkd FOLDER]

Says which port of the box is the uplink and which are SPAN ports, by network.json of the state partition, and writes what
systemd-networkd needs for that, and ports.json for the roles. Run once at boot, as root, before systemd-networkd.

  --dry-run          print the files, write nothing
  --state FOLDER     (/state)
  --run FOLDER       (/run/cepa)
  --networkd FOLDER  (/run/systemd/network)
`;

/**
 * `cepa-sensor network`; resolves to the exit status. A configuration that can't be read counts as none, and a port that is
 * missing takes nothing from the others: said on standard error, and still 0, as the box has to come up for anybody to
 * see it.
 */
export async function runNetworkCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      "dry-run": { type: "boolean", default: false },
      state: { type: "string", default: "/state" },
      run: { type: "string", default: "/run/cepa" },
      networkd: { type: "string", default: "/run/systemd/network" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(NETWORK_USAGE);
    return 0;
  }
  const config = await loadOrDefault(values.state);
  const roles = planPortRoles(await readNetworkPorts(), config);
  for (const problem of roles.problems) complain(problem);
  const plan = planNetwork(roles, config);
  const portsText = `${JSON.stringify(plan.ports)}\n`;
  signal.throwIfAborted();
  if (values["dry-run"]) {
    for (const [name, text] of Object.entries(plan.files)) process.stdout.write(`# ${name}\n${text}\n`);
    process.stdout.write(`# ports.json\n${portsText}`);
    return 0;
  }
  for (const name of plan.ports.span) await disableIpv6(name);
  await writeNetworkdFiles(plan.files, values.networkd);
  await mkdir(values.run, { recursive: true });
  await writeFileAtomically(join(values.run, "ports.json"), portsText, 0o644);
  process.stderr.write(`cepa-sensor network: ${portsText}`);
  return 0;
}

async function loadOrDefault(stateFolder: string): Promise<NetworkConfig> {
  try {
    return await loadNetworkConfig(stateFolder);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    complain(`network.json: ${error.message}; the defaults are taken`);
    return {};
  }
}

function complain(problem: string): void {
  process.stderr.write(`cepa-sensor network: ${problem}\n`);
}
