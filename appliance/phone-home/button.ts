/**
 * A button that wants everything erased when it is held. Times are monotonic. `unarmed` until it was seen released: a line that is
 * stuck, or cut, when the box starts asks for nothing.
 */
export type ButtonState =
  | { readonly name: "unarmed" }
  | { readonly name: "released" }
  | { readonly name: "held"; readonly sinceMs: number }
  | { readonly name: "asked" };

/** `unknown`: the line can't be read. */
export type ButtonLevel = "pressed" | "released" | "unknown";

export const UNARMED: ButtonState = { name: "unarmed" };

/** What is asked for is asked once, when the state becomes `asked`. */
export function nextButton(state: ButtonState, level: ButtonLevel, nowMs: number, holdMs: number): ButtonState {
  if (level === "unknown") return UNARMED;
  if (level === "released") return { name: "released" };
  switch (state.name) {
    case "released":
      return { name: "held", sinceMs: nowMs };
    case "held":
      return nowMs - state.sinceMs >= holdMs ? { name: "asked" } : state;
    default:
      return state;
  }
}
