import type { RandomStream } from "../traffic/random-stream.ts";

/** A network of one hidden layer with a direct path beside it: p = 1 / (1 + exp(-(bias + direct · x + output · tanh(hidden x + hiddenBias)))). */
export interface Network {
  readonly inputs: number;
  readonly units: number;
  readonly parameters: Float64Array;
}

export interface TrainingSettings {
  readonly units: number;
  readonly passes: number;
  readonly rate: number;
  readonly decay: number;
}

const BATCH = 64;

/** Where parts of the parameters begin: direct, bias, hidden (a row a unit), hidden biases, output. */
export function layoutOf(inputs: number, units: number) {
  const hiddenAt = inputs + 1;
  const hiddenBiasAt = hiddenAt + units * inputs;
  const outputAt = hiddenBiasAt + units;
  return { biasAt: inputs, hiddenAt, hiddenBiasAt, outputAt, size: outputAt + units };
}

/** Adam (Kingma and Ba, 2015) with decoupled weight decay (Loshchilov and Hutter, 2019) on the cross-entropy. Rows are standardised. */
export function trainNetwork(
  rows: Float32Array,
  labels: Uint8Array,
  inputs: number,
  settings: TrainingSettings,
  random: RandomStream,
): Network {
  const { units, passes, rate, decay } = settings;
  const { biasAt, hiddenAt, hiddenBiasAt, outputAt, size } = layoutOf(inputs, units);
  const w = new Float64Array(size);
  for (let i = hiddenAt; i < hiddenBiasAt; i++)
    w[i] = ((random.below(2_000_001) - 1_000_000) / 1e6) * Math.sqrt(1 / inputs);
  for (let i = outputAt; i < size; i++) w[i] = ((random.below(2_000_001) - 1_000_000) / 1e6) * 0.5;
  const gradient = new Float64Array(size);
  const mean = new Float64Array(size);
  const square = new Float64Array(size);
  const hidden = new Float64Array(units);
  const order = Uint32Array.from(labels, (_, i) => i);
  const steps = passes * Math.ceil(labels.length / BATCH);
  let step = 0;
  for (let pass = 0; pass < passes; pass++) {
    for (let i = order.length - 1; i > 0; i--) {
      const j = random.below(i + 1);
      const kept = order[i] as number;
      order[i] = order[j] as number;
      order[j] = kept;
    }
    for (let start = 0; start < order.length; start += BATCH) {
      const end = Math.min(order.length, start + BATCH);
      gradient.fill(0);
      for (let k = start; k < end; k++) {
        const row = order[k] as number;
        const at = row * inputs;
        let z = w[biasAt] as number;
        for (let i = 0; i < inputs; i++) z += (w[i] as number) * (rows[at + i] as number);
        for (let u = 0; u < units; u++) {
          let sum = w[hiddenBiasAt + u] as number;
          const unitAt = hiddenAt + u * inputs;
          for (let i = 0; i < inputs; i++) sum += (w[unitAt + i] as number) * (rows[at + i] as number);
          hidden[u] = Math.tanh(sum);
          z += (w[outputAt + u] as number) * (hidden[u] as number);
        }
        const error = (1 / (1 + Math.exp(-z)) - (labels[row] as number)) / (end - start);
        gradient[biasAt] = (gradient[biasAt] as number) + error;
        for (let i = 0; i < inputs; i++) gradient[i] = (gradient[i] as number) + error * (rows[at + i] as number);
        for (let u = 0; u < units; u++) {
          const h = hidden[u] as number;
          gradient[outputAt + u] = (gradient[outputAt + u] as number) + error * h;
          const back = error * (w[outputAt + u] as number) * (1 - h * h);
          gradient[hiddenBiasAt + u] = (gradient[hiddenBiasAt + u] as number) + back;
          const unitAt = hiddenAt + u * inputs;
          for (let i = 0; i < inputs; i++)
            gradient[unitAt + i] = (gradient[unitAt + i] as number) + back * (rows[at + i] as number);
        }
      }
      step++;
      const rateNow = rate * (1 - step / (steps + 1));
      const meanScale = 1 / (1 - 0.9 ** step);
      const squareScale = 1 / (1 - 0.999 ** step);
      for (let i = 0; i < size; i++) {
        const g = gradient[i] as number;
        mean[i] = 0.9 * (mean[i] as number) + 0.1 * g;
        square[i] = 0.999 * (square[i] as number) + 0.001 * g * g;
        const move = ((mean[i] as number) * meanScale) / (Math.sqrt((square[i] as number) * squareScale) + 1e-8);
        w[i] = (w[i] as number) - rateNow * (move + decay * (w[i] as number));
      }
    }
  }
  return { inputs, units, parameters: w };
}

export function applyNetwork({ inputs, units, parameters: w }: Network, rows: Float32Array, row: number): number {
  const { biasAt, hiddenAt, hiddenBiasAt, outputAt } = layoutOf(inputs, units);
  const at = row * inputs;
  let z = w[biasAt] as number;
  for (let i = 0; i < inputs; i++) z += (w[i] as number) * (rows[at + i] as number);
  for (let u = 0; u < units; u++) {
    let sum = w[hiddenBiasAt + u] as number;
    const unitAt = hiddenAt + u * inputs;
    for (let i = 0; i < inputs; i++) sum += (w[unitAt + i] as number) * (rows[at + i] as number);
    z += (w[outputAt + u] as number) * Math.tanh(sum);
  }
  return 1 / (1 + Math.exp(-z));
}
