import model from "./encryption-model.json" with { type: "json" };
import { describeWindow, WINDOW_FEATURES } from "./window-features.ts";

/** Octets under which a window says nothing. */
export const ODDS_LEAST_BYTES = 256;
const NOTHING_KNOWN = 0.5;

const { units } = model;
const means = Float64Array.from(model.means);
const scales = Float64Array.from(model.scales);
const direct = Float64Array.from(model.direct);
/** A row of WINDOW_FEATURES a unit. */
const hidden = Float64Array.from(model.hidden.flat());
const hiddenBiases = Float64Array.from(model.hiddenBiases);
const output = Float64Array.from(model.output);
const features = new Float64Array(WINDOW_FEATURES);

/**
 * How probable it is, 0 to 1, that `bytes[from]` to `bytes[to - 1]`, from anywhere in a stream, are encrypted rather than compressed,
 * were both as frequent. To be asked about octets that are nearly flat. Half where there are fewer than 256, of more than 4,096 only the
 * first count. The model was made by `make classifier`; what it can't tell (LZMA, most lossy WebP) looks encrypted.
 */
export function encryptionOdds(bytes: Uint8Array, from: number, to: number): number {
  const end = Math.min(to, from + model.longestBytes);
  if (end - from < ODDS_LEAST_BYTES) return NOTHING_KNOWN;
  describeWindow(bytes, from, end, features);
  let sum = model.bias;
  for (let i = 0; i < WINDOW_FEATURES; i++) {
    const value = ((features[i] as number) - (means[i] as number)) * (scales[i] as number);
    features[i] = value;
    sum += (direct[i] as number) * value;
  }
  for (let unit = 0; unit < units; unit++) {
    let input = hiddenBiases[unit] as number;
    for (let i = 0; i < WINDOW_FEATURES; i++)
      input += (hidden[unit * WINDOW_FEATURES + i] as number) * (features[i] as number);
    sum += (output[unit] as number) * Math.tanh(input);
  }
  return 1 / (1 + Math.exp(-sum));
}
