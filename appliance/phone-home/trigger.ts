/** Whether base is reached, as link reports it; times are monotonic. */
export type VpnTrigger =
  | { readonly name: "up"; readonly heardMs: number }
  | { readonly name: "lost"; readonly sinceMs: number; readonly heardMs: number; readonly tries: number }
  /** Lost, and help was called. */
  | { readonly name: "alarmed"; readonly heardMs: number };

export type VpnEvent =
  | { readonly name: "vpn"; readonly up: boolean; readonly tries: number; readonly nowMs: number }
  | { readonly name: "tick"; readonly nowMs: number };

export interface VpnTriggerLimits {
  readonly vpnLostMs: number;
  readonly vpnLostTries: number;
}

/** Link reports every 10 s; after so long without a word its silence counts as a lost tunnel. */
const LINK_SILENCE_MS = 60_000;
const TRY_MS = 10_000;

/** A box that starts where its tunnel does not come up is as lost as one that was taken off it. */
export function startVpnTrigger(nowMs: number): VpnTrigger {
  return { name: "lost", sinceMs: nowMs, heardMs: nowMs, tries: 0 };
}

/** Help is called when the state becomes `alarmed`; a tunnel that is back arms the trigger again. */
export function nextVpnTrigger(state: VpnTrigger, event: VpnEvent, limits: VpnTriggerLimits): VpnTrigger {
  const { nowMs } = event;
  if (event.name === "vpn") {
    if (event.up) return { name: "up", heardMs: nowMs };
    if (state.name === "alarmed") return { ...state, heardMs: nowMs };
    const sinceMs = state.name === "lost" ? state.sinceMs : nowMs;
    return judge({ name: "lost", sinceMs, heardMs: nowMs, tries: event.tries }, nowMs, limits);
  }
  if (state.name === "alarmed") return state;
  const linkSilentMs = nowMs - state.heardMs;
  if (state.name === "up") {
    if (linkSilentMs < LINK_SILENCE_MS) return state;
    return judge({ name: "lost", sinceMs: state.heardMs, heardMs: state.heardMs, tries: 0 }, nowMs, limits);
  }
  return judge(state, nowMs, limits);
}

function judge(
  state: Extract<VpnTrigger, { name: "lost" }>,
  nowMs: number,
  limits: VpnTriggerLimits,
): Exclude<VpnTrigger, { name: "up" }> {
  const silentTries = Math.floor((nowMs - state.heardMs) / TRY_MS); // while link says nothing
  const enough = nowMs - state.sinceMs >= limits.vpnLostMs && state.tries + silentTries >= limits.vpnLostTries;
  return enough ? { name: "alarmed", heardMs: state.heardMs } : state;
}
