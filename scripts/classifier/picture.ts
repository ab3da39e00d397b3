import { deflateSync } from "node:zlib";
import type { RandomStream } from "../traffic/random-stream.ts";

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Red, green and blue of each point, rows from the top. */
  readonly rgb: Uint8Array;
}

const OCTAVES = 6;

/** Clouds: noise of several scales, as the spectra of photographs have it, with a few flat shapes and the grain of a sensor. */
export function makePicture(random: RandomStream): Picture {
  const width = random.between(240, 480);
  const height = random.between(200, 360);
  const light = new Float64Array(width * height * 3);
  const falloff = 0.45 + random.below(30) / 100;
  for (let channel = 0; channel < 3; channel++)
    for (let octave = 0; octave < OCTAVES; octave++) {
      const cell = 128 / 2 ** octave;
      addClouds(random, light, width, height, channel, cell, 110 * falloff ** octave);
    }
  const shapes = Array.from({ length: random.below(6) }, () => ({
    x: random.below(width),
    y: random.below(height),
    radius: random.between(8, 80),
    colour: random.bytes(3),
  }));
  const grain = random.below(8);
  const noise = random.bytes(width * height * 3);
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < rgb.length; i++) {
    const x = Math.floor(i / 3) % width;
    const y = Math.floor(i / 3 / width);
    const shape = shapes.find((s) => (x - s.x) ** 2 + (y - s.y) ** 2 < s.radius ** 2);
    const base = shape === undefined ? 128 + (light[i] as number) : (shape.colour[i % 3] as number);
    rgb[i] = Math.max(0, Math.min(255, base + (((noise[i] as number) - 128) * grain) / 128));
  }
  return { width, height, rgb };
}

function addClouds(
  random: RandomStream,
  light: Float64Array,
  width: number,
  height: number,
  channel: number,
  cell: number,
  strength: number,
): void {
  const columns = Math.ceil(width / cell) + 2;
  const grid = random.bytes(columns * (Math.ceil(height / cell) + 2));
  const at = (x: number, y: number) => (grid[y * columns + x] as number) / 128 - 1;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const column = Math.floor(x / cell);
      const row = Math.floor(y / cell);
      const dx = x / cell - column;
      const dy = y / cell - row;
      const above = at(column, row) * (1 - dx) + at(column + 1, row) * dx;
      const below = at(column, row + 1) * (1 - dx) + at(column + 1, row + 1) * dx;
      const point = (y * width + x) * 3 + channel;
      light[point] = (light[point] as number) + strength * (above * (1 - dy) + below * dy);
    }
}

/** Binary PPM, which the encoders read. */
export function encodePpm({ width, height, rgb }: Picture): Uint8Array {
  return Buffer.concat([Buffer.from(`P6\n${width} ${height}\n255\n`), rgb]);
}

/** What the IDAT chunks of a PNG hold (W3C PNG, sections 9 and 10): each row by the filter of least absolute sum, deflated. */
export function encodePngData({ width, height, rgb }: Picture, level: number): Uint8Array {
  const stride = width * 3;
  const filtered = new Uint8Array(height * (stride + 1));
  for (let y = 0; y < height; y++) {
    let best = Number.POSITIVE_INFINITY;
    for (let filter = 0; filter < 5; filter++) {
      const row = filterRow(rgb, y, stride, filter);
      const sum = row.reduce((total, value) => total + Math.min(value, 256 - value), 0);
      if (sum >= best) continue;
      best = sum;
      filtered[y * (stride + 1)] = filter;
      filtered.set(row, y * (stride + 1) + 1);
    }
  }
  return deflateSync(filtered, { level });
}

function filterRow(rgb: Uint8Array, y: number, stride: number, filter: number): Uint8Array {
  const row = new Uint8Array(stride);
  for (let i = 0; i < stride; i++) {
    const at = y * stride + i;
    const left = i < 3 ? 0 : (rgb[at - 3] as number);
    const up = y === 0 ? 0 : (rgb[at - stride] as number);
    const corner = i < 3 || y === 0 ? 0 : (rgb[at - stride - 3] as number);
    row[i] = (rgb[at] as number) - predict(filter, left, up, corner);
  }
  return row;
}

function predict(filter: number, left: number, up: number, corner: number): number {
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  if (filter !== 4) return 0;
  const guess = left + up - corner;
  const toLeft = Math.abs(guess - left);
  const toUp = Math.abs(guess - up);
  const toCorner = Math.abs(guess - corner);
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}
