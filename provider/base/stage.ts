/** What `cepa base run` says as it happens: a line for people, or with --json the object itself. */
export type Stage =
  | {
      readonly stage: "listening";
      readonly atMs: number;
      readonly address: string;
      readonly udpPort: number;
      readonly tcpPort: number;
      readonly basePort: number;
      readonly webhook: string;
    }
  | {
      readonly stage: "vpnConnected";
      readonly atMs: number;
      readonly sensor: string;
      readonly sensorId: string;
      readonly address: string;
      readonly transport: "udp" | "tcp";
      readonly from: string;
    }
  | {
      readonly stage: "vpnDisconnected";
      readonly atMs: number;
      readonly sensor: string;
      readonly sensorId: string;
      readonly transport: "udp" | "tcp";
    }
  | {
      readonly stage: "vpnServerEnded";
      readonly atMs: number;
      readonly transport: "udp" | "tcp";
      readonly why: string;
      readonly restartInMs: number;
    }
  | {
      readonly stage: "keyReleased";
      readonly atMs: number;
      readonly sensor: string;
      readonly sensorId: string;
      readonly format: boolean;
      readonly storeDiffers: boolean;
    }
  | {
      readonly stage: "keyRefused";
      readonly atMs: number;
      readonly sensor: string;
      readonly sensorId: string;
      readonly why: string;
    }
  | {
      readonly stage: "linkUp";
      readonly atMs: number;
      readonly sensor: string;
      readonly sensorId: string;
      readonly replacedAnother: boolean;
    }
  | {
      readonly stage: "linkDown";
      readonly atMs: number;
      readonly sensor: string;
      readonly sensorId: string;
      readonly why: string;
    }
  | {
      readonly stage: "event";
      readonly atMs: number;
      readonly sensor: string;
      readonly sensorId: string;
      readonly event: string;
    }
  | {
      readonly stage: "alert";
      readonly atMs: number;
      readonly sensor: string;
      readonly sensorId: string;
      readonly reasons: readonly string[];
      readonly position: string;
    }
  | { readonly stage: "alertRefused"; readonly atMs: number; readonly why: string }
  | { readonly stage: "crlPublished"; readonly atMs: number; readonly expiresAtMs: number }
  | { readonly stage: "crlWarning"; readonly atMs: number; readonly why: string; readonly expiresAtMs: number }
  | { readonly stage: "firewallRestored"; readonly atMs: number }
  | { readonly stage: "stopped"; readonly atMs: number };

export type Report = (stage: Stage) => void;

export function renderStage(stage: Stage): string {
  return `${new Date(stage.atMs).toISOString()} ${describe(stage)}\n`;
}

function describe(stage: Stage): string {
  switch (stage.stage) {
    case "listening":
      return `listening: OpenVPN on UDP ${stage.udpPort} and TCP ${stage.tcpPort}, base on ${stage.address}:${stage.basePort} in the tunnel, emergency messages on http://${stage.webhook}/v1/emergency`;
    case "vpnConnected":
      return `${stage.sensor}: VPN up by ${stage.transport.toUpperCase()} from ${stage.from}, address ${stage.address}`;
    case "vpnDisconnected":
      return `${stage.sensor}: VPN by ${stage.transport.toUpperCase()} gone`;
    case "vpnServerEnded":
      return `OpenVPN ${stage.transport.toUpperCase()} ended, again in ${Math.round(stage.restartInMs / 1000)} s: ${stage.why}`;
    case "keyReleased":
      return `${stage.sensor}: key released (software identity: weaker)${stage.format ? ", may format its new store" : ""}${stage.storeDiffers ? "; its store is NOT the one known here" : ""}`;
    case "keyRefused":
      return `${stage.sensor}: key refused: ${stage.why}`;
    case "linkUp":
      return `${stage.sensor}: link up${stage.replacedAnother ? ", in place of another of the same sensor" : ""}`;
    case "linkDown":
      return `${stage.sensor}: link down: ${stage.why}`;
    case "event":
      return `${stage.sensor}: ${stage.event}`;
    case "alert":
      return `ALERT ${stage.sensor}: ${stage.reasons.join("; ")}; ${stage.position}`;
    case "alertRefused":
      return `emergency message refused: ${stage.why}`;
    case "crlPublished":
      return `CRL published, good until ${new Date(stage.expiresAtMs).toISOString()}`;
    case "crlWarning":
      return `WARNING: the CRL is not renewed and runs out at ${new Date(stage.expiresAtMs).toISOString()}; then no sensor can connect: ${stage.why}`;
    case "firewallRestored":
      return "WARNING: the packet filter's table cepa_base was gone, and is back; something here flushes the ruleset";
    case "stopped":
      return "stopped";
  }
}
