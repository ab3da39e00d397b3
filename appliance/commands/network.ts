import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ConfigError } from "../../core/checked-json.ts";
import type { NetworkConfig } from "../../core/contract/network.ts";
import { writeFileAtomically } from "../../core/node/atomic-file.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { loadNetworkConfig, loadPortChoice } from "../config.ts";
import { loadIdentity } from "../identity-files.ts";
import { disableIpv6, listDeviceInterfaces, readNetworkPorts, writeNetworkdFiles } from "../network/interfaces.ts";
import { renderPacketRules } from "../network/packet-rules.ts";
import { planNetwork, planPortRoles } from "../network/plan.ts";

const SETTLE_MAX_S = 120;

const NETWORK_USAGE = `cepa-sensor network [--dry-run] [--settle] [--state FOLDER] [--run FOLDER] [--networkd FOLDER]

Says which port of the box is the uplink and which are SPAN ports, by network.json of the state partition; has the kernel drop
what would leave a SPAN port, and what comes in by one once capture has it, and let base in on the tunnel; writes what systemd-networkd
needs, and ports.json for the roles. Run once at boot, as root, before systemd-networkd.

  --dry-run          print the files and the rules for nft, change nothing
  --settle           wait first until udev has named every port
  --state FOLDER     (/state)
  --run FOLDER       (/run/cepa)
  --networkd FOLDER  (/run/systemd/network)

Exit status: 0 done, whatever of network.json does not hold; 1 the kernel refuses the rules, and no SPAN port comes up; 2 not called as
above.
`;

/**
 * `cepa-sensor network`; resolves to the exit status. A configuration that can't be read counts as none, and a port that is
 * missing takes nothing from the others: said on standard error, and still 0, as the box has to come up for anybody to
 * see it. Where the kernel refuses the rules, the uplink comes up all the same, no SPAN port does, and the status is 1.
 */
export async function runNetworkCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      "dry-run": { type: "boolean", default: false },
      settle: { type: "boolean", default: false },
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
  if (values.settle)
    await nodeExec("udevadm", ["settle", `--timeout=${SETTLE_MAX_S}`], signal).catch(({ message }: Error) => {
      signal.throwIfAborted();
      complain(message);
    });
  const config = await loadOrDefault(values.state);
  const roles = planPortRoles(await readNetworkPorts(), config);
  for (const problem of roles.problems) complain(problem);
  let plan = planNetwork(roles, config);
  const identity = await loadIdentity(values.state).catch(() => undefined); // a box that was not flashed has none
  const rules = renderPacketRules(await listDeviceInterfaces(), plan.ports.span, identity?.baseAddress);
  signal.throwIfAborted();
  if (values["dry-run"]) {
    for (const [name, text] of Object.entries(plan.files)) process.stdout.write(`# ${name}\n${text}\n`);
    process.stdout.write(`# ports.json\n${JSON.stringify(plan.ports)}\n\n# nft\n${rules}`);
    return 0;
  }
  for (const name of plan.ports.span) await disableIpv6(name);
  let status = 0;
  await nodeExec("nft", ["-f", "-"], signal, { stdin: rules }).catch(({ message }: Error) => {
    signal.throwIfAborted();
    complain(message);
    complain(`the rules are refused, so no SPAN port comes up (${plan.ports.span.join(", ")}): it would not be silent`);
    plan = planNetwork({ ...roles, span: [] }, config);
    status = 1;
  });
  await writeNetworkdFiles(plan.files, values.networkd);
  const portsText = `${JSON.stringify(plan.ports)}\n`;
  await mkdir(values.run, { recursive: true });
  await writeFileAtomically(join(values.run, "ports.json"), portsText, 0o644);
  process.stderr.write(`cepa-sensor network: ${portsText}`);
  return status;
}

async function loadOrDefault(stateFolder: string): Promise<NetworkConfig> {
  try {
    return await loadNetworkConfig(stateFolder);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const choice = await loadPortChoice(stateFolder).catch((): NetworkConfig => ({}));
    const kept = Object.keys(choice).length === 0 ? "" : `, but for ${Object.keys(choice).join(" and ")}`;
    complain(`network.json: ${error.message}; the defaults are taken${kept}`);
    return choice;
  }
}

function complain(problem: string): void {
  process.stderr.write(`cepa-sensor network: ${problem}\n`);
}
