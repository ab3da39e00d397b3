import { resolve } from "node:path";
import { nodeExec } from "../core/node/exec.ts";
import { ExecError } from "../core/ports.ts";
import { initProvider } from "../provider/init.ts";
import { statePaths } from "../provider/state/paths.ts";
import { baseAddress, type ProviderSettings, parseRemote, readSettingsJson } from "../provider/state/settings.ts";
import {
  PASSPHRASE_HELP,
  readByOption,
  readPassphrase,
  runParsed,
  STATE_HELP,
  stateFolder,
  UsageError,
} from "./command-line.ts";

const USAGE = `usage: cepa init --remote HOST[:UDPPORT[,TCPPORT]] [options]

Makes a provider in a new folder: certificate authority, OpenVPN and HTTPS server certificates, key store, settings.

  --remote HOST[:UDP[,TCP]]  where sensors reach base (ports: 1194 and 443)
  --listen-ports UDP,TCP     where OpenVPN listens, if not on those ports
  --vpn-subnet SUBNET        of the tunnel (10.213.0.0/16)
  --sms-number NUMBER        takes emergency messages, in international form
                             (+10000000000: messages go nowhere)
  --ca-dir DIR               keep the CA there, for instance on a stick (STATE/ca)
${STATE_HELP}
${PASSPHRASE_HELP}
  --json                     print what was made as JSON

The passphrase protects the CA's key and every key at rest: base asks for it when it starts. It can't be recovered.
`;

/** Of the settings that they set. */
const OPTIONS = {
  ...{ vpnSubnet: "--vpn-subnet", smsNumber: "--sms-number", authorityFolder: "--ca-dir" },
  ...{ listenUdpPort: "--listen-ports", listenTcpPort: "--listen-ports" },
};

const NO_SMS_NUMBER = "+10000000000";

export function runInitCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const options = {
    remote: { type: "string" },
    "listen-ports": { type: "string" },
    "vpn-subnet": { type: "string" },
    "sms-number": { type: "string" },
    "ca-dir": { type: "string" },
    state: { type: "string" },
    "passphrase-file": { type: "string" },
    json: { type: "boolean" },
  } as const;
  return runParsed(USAGE, args, options, async (values, positionals) => {
    if (positionals.length > 0) throw new UsageError(`cepa init: unexpected ${positionals[0]}`);
    if (values.remote === undefined)
      throw new UsageError("cepa init: --remote is missing: where do sensors reach base?");
    const remote = parseRemote(values.remote);
    if (remote === undefined)
      throw new UsageError(`--remote: expected HOST[:UDPPORT[,TCPPORT]], found ${JSON.stringify(values.remote)}`);
    const listen = /^(\d{1,5}),(\d{1,5})$/.exec(values["listen-ports"] ?? `${remote.udpPort},${remote.tcpPort}`);
    if (listen === null)
      throw new UsageError(
        `--listen-ports: expected UDP,TCP like 1194,443, found ${JSON.stringify(values["listen-ports"])}`,
      );
    const folder = stateFolder(values.state);
    const given: ProviderSettings = {
      vpnSubnet: values["vpn-subnet"] ?? "10.213.0.0/16",
      remoteHost: remote.host,
      remoteUdpPort: remote.udpPort,
      remoteTcpPort: remote.tcpPort,
      listenUdpPort: Number(listen[1]),
      listenTcpPort: Number(listen[2]),
      basePort: 8443,
      smsNumber: values["sms-number"] ?? NO_SMS_NUMBER,
      authorityFolder:
        values["ca-dir"] === undefined ? statePaths(folder).defaultAuthorityFolder : resolve(values["ca-dir"]),
      createdAtMs: Date.now(),
    };
    const settings = readByOption(OPTIONS, () => readSettingsJson(given));
    const passphrase = await readPassphrase(values["passphrase-file"], true);
    try {
      await initProvider(folder, passphrase, settings, nodeExec, signal);
    } catch (error) {
      if (error instanceof ExecError && error.status === undefined)
        throw new Error(`openvpn could not be run (${error.stderr}); install it: apt-get install openvpn`, {
          cause: error,
        });
      throw error;
    } finally {
      passphrase.wipe();
    }
    const made = { state: folder, ca: settings.authorityFolder, baseAddress: baseAddress(settings), settings };
    process.stdout.write(
      values.json === true
        ? `${JSON.stringify(made)}\n`
        : `provider made in ${folder}; base is ${made.baseAddress} in the tunnel\nnext: cepa sensor add NAME, cepa flash, cepa base run\n`,
    );
    return 0;
  });
}
