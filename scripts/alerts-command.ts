import { type Alert, alertCounters, listAlerts } from "../provider/alerts/inbox.ts";
import { flagWords, geoUri, positionWords, reasonWords } from "../provider/alerts/render.ts";
import { withProvider } from "../provider/state/provider.ts";
import { runParsed, STATE_HELP, stateFolder, UsageError } from "./command-line.ts";

const USAGE = `usage: cepa alerts [options]

Shows the emergency messages that base accepted: signed by the sensor, each once. Oldest first.

  --last N                 only the latest N (100)
${STATE_HELP}
  --json                   an object a message; the last line counts what was refused
`;

export function runAlertsCommand(args: readonly string[]): Promise<number> {
  const options = {
    last: { type: "string", default: "100" },
    state: { type: "string" },
    json: { type: "boolean" },
  } as const;
  return runParsed(USAGE, args, options, async (values, positionals) => {
    if (positionals.length > 0) throw new UsageError(`cepa alerts: unexpected ${positionals[0]}`);
    const last = Number(values.last);
    if (!Number.isInteger(last) || last < 1 || last > 100_000) throw new UsageError("--last: expected 1..100000");
    return await withProvider(stateFolder(values.state), async (provider) => {
      const alerts = listAlerts(provider.database, last);
      const counters = alertCounters(provider.database);
      if (values.json === true) {
        for (const alert of alerts) process.stdout.write(`${JSON.stringify(jsonOf(alert))}\n`);
        process.stdout.write(`${JSON.stringify({ type: "counters", ...counters })}\n`);
        return 0;
      }
      if (alerts.length === 0) process.stdout.write("no alerts\n");
      for (const alert of alerts) process.stdout.write(renderAlert(alert));
      const refused = Object.entries(counters).filter(([name]) => name !== "accepted");
      if (refused.length > 0)
        process.stdout.write(`refused: ${refused.map(([name, count]) => `${count} ${name}`).join(", ")}\n`);
      return 0;
    });
  });
}

function jsonOf(alert: Alert): object {
  const { emergency, ...rest } = alert;
  return { type: "alert", ...rest, geo: geoUri(emergency), ...emergency };
}

function renderAlert(alert: Alert): string {
  const { emergency } = alert;
  const { network, cellId } = emergency;
  const cell =
    network === null
      ? ""
      : `  cell      ${network.mcc}-${String(network.mnc).padStart(network.mncDigits, "0")}${cellId === null ? "" : ` ${cellId}`}\n`;
  return (
    `${new Date(alert.receivedAtMs).toISOString()} ${alert.sensorName} (${alert.sensorId}): ` +
    `${emergency.reasons.map(reasonWords).join("; ") || "no reason given"}\n` +
    `  sent      ${new Date(emergency.timeS * 1000).toISOString()} by the box's clock, boot ${emergency.bootCounter}, message ${emergency.sequence}\n` +
    `  position  ${positionWords(emergency)}\n${cell}` +
    `  state     ${flagWords(emergency)}\n`
  );
}
