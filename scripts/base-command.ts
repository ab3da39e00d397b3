import { IPV4_PATTERN } from "../core/contract/identity.ts";
import { nodeClock } from "../core/node/clock.ts";
import { nodeExec } from "../core/node/exec.ts";
import { journalLog } from "../core/node/log.ts";
import { runBase } from "../provider/base/run.ts";
import { renderStage } from "../provider/base/stage.ts";
import { PASSPHRASE_HELP, readPassphrase, runParsed, STATE_HELP, stateFolder, UsageError } from "./command-line.ts";

const USAGE = `usage: cepa base run [options]

Runs base until it is stopped: two OpenVPN servers, key release, the link, updates, and the inbox of emergency messages. Needs
root, openvpn and nftables.

  --listen ADDRESS           OpenVPN listens there (0.0.0.0)
  --webhook ADDRESS:PORT     takes emergency messages from an SMS gateway (127.0.0.1:8480), as
                             POST /v1/emergency {"from", "received_at", "pdu" or "text"}
${STATE_HELP}
${PASSPHRASE_HELP}
  --json                     what happens as JSON, an object a line
  --verbose                  OpenVPN's own lines too, on standard error
`;

export function runBaseCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const options = {
    listen: { type: "string", default: "0.0.0.0" },
    webhook: { type: "string", default: "127.0.0.1:8480" },
    state: { type: "string" },
    "passphrase-file": { type: "string" },
    json: { type: "boolean" },
    verbose: { type: "boolean" },
  } as const;
  return runParsed(USAGE, args, options, async (values, positionals) => {
    if (positionals.length !== 1 || positionals[0] !== "run") throw new UsageError("cepa base: expected run");
    const webhook = /^([\d.]+):(\d{1,5})$/.exec(values.webhook);
    if (!IPV4_PATTERN.test(values.listen))
      throw new UsageError(`--listen: expected an IPv4 address, found ${JSON.stringify(values.listen)}`);
    if (webhook === null || !IPV4_PATTERN.test(webhook[1] ?? "") || Number(webhook[2]) > 65_535)
      throw new UsageError(`--webhook: expected ADDRESS:PORT, found ${values.webhook}`);
    const passphrase = await readPassphrase(values["passphrase-file"]);
    const log = journalLog("cepa base");
    try {
      await runBase(
        {
          stateFolder: stateFolder(values.state),
          listenAddress: values.listen,
          webhook: { host: webhook[1] ?? "", port: Number(webhook[2]) },
        },
        passphrase,
        {
          clock: nodeClock,
          exec: nodeExec,
          log: (level, message, fields) => {
            if (level !== "debug" || values.verbose === true) log(level, message, fields);
          },
          report: (stage) =>
            void process.stdout.write(values.json === true ? `${JSON.stringify(stage)}\n` : renderStage(stage)),
        },
        signal,
      );
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    return 0; // stopped, as asked
  });
}
