/** What turns each feature into one of mean 0 and variance 1 over the rows that it is taken from. */
export interface Standard {
  readonly means: Float64Array;
  readonly scales: Float64Array;
}

const LEAST_DEVIATION = 1e-6;

export function standardOf(features: Float32Array, width: number): Standard {
  const means = new Float64Array(width);
  const squares = new Float64Array(width);
  const rows = features.length / width;
  features.forEach((value, i) => {
    means[i % width] = (means[i % width] as number) + value / rows;
    squares[i % width] = (squares[i % width] as number) + (value * value) / rows;
  });
  const scales = squares.map((square, i) => {
    const variance = square - (means[i] as number) ** 2;
    return 1 / Math.sqrt(Math.max(variance, LEAST_DEVIATION));
  });
  return { means, scales };
}

export function standardise(features: Float32Array, { means, scales }: Standard): Float32Array {
  const width = means.length;
  return features.map((value, i) => (value - (means[i % width] as number)) * (scales[i % width] as number));
}
