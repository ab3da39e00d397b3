/**
 * The classic BPF machine: runs what libpcap compiled, on frames out of files. Source: McCanne and Jacobson, "The BSD
 * Packet Filter" (1993), section 3; opcodes as in libpcap's pcap/bpf.h.
 */
const INSTRUCTION_BYTES = 8;
const SCRATCH_WORDS = 16; // BPF_MEMWORDS
const INSTRUCTIONS_MAX = 4096; // BPF_MAXINSNS
const STEPS_MAX = 20_000;

// Classes, sizes and modes of bpf.h.
const LD = 0x00;
const LDX = 0x01;
const ST = 0x02;
const STX = 0x03;
const ALU = 0x04;
const JMP = 0x05;
const RET = 0x06;
const SIZE_WORD = 0x00;
const SIZE_HALF = 0x08;
const MODE_IMMEDIATE = 0x00;
const MODE_ABSOLUTE = 0x20;
const MODE_INDIRECT = 0x40;
const MODE_SCRATCH = 0x60;
const MODE_LENGTH = 0x80;
const MODE_IPV4_HEADER = 0xa0; // 4 * (octet & 15)
const SOURCE_X = 0x08;

export class BpfProgram {
  readonly #codes: Uint16Array;
  readonly #jumpsTrue: Uint8Array;
  readonly #jumpsFalse: Uint8Array;
  readonly #constants: Uint32Array;
  readonly #scratch = new Uint32Array(SCRATCH_WORDS);

  /** `instructions` are `struct bpf_insn`: u16 code, u8 jt, u8 jf, u32 k, little-endian. */
  constructor(instructions: ArrayBuffer) {
    const count = instructions.byteLength / INSTRUCTION_BYTES;
    if (!Number.isInteger(count) || count === 0 || count > INSTRUCTIONS_MAX) throw new RangeError("not a BPF program");
    this.#codes = new Uint16Array(count);
    this.#jumpsTrue = new Uint8Array(count);
    this.#jumpsFalse = new Uint8Array(count);
    this.#constants = new Uint32Array(count);
    const view = new DataView(instructions);
    for (let i = 0; i < count; i++) {
      const at = i * INSTRUCTION_BYTES;
      this.#codes[i] = view.getUint16(at, true);
      this.#jumpsTrue[i] = view.getUint8(at + 2);
      this.#jumpsFalse[i] = view.getUint8(at + 3);
      this.#constants[i] = view.getUint32(at + 4, true);
    }
  }

  /** Whether a jump goes back: the kernel takes no such filter. */
  hasLoop(): boolean {
    return this.#codes.some((code, at) => code === JMP && ((this.#constants[at] as number) | 0) < 0);
  }

  /** Octets of the frame to keep; 0: it does not match. A read beyond the captured octets does not match. */
  run(bytes: Uint8Array, offsetBytes: number, capturedBytes: number, originalBytes: number): number {
    const scratch = this.#scratch;
    let a = 0;
    let x = 0;
    // Only `protochain` jumps back; the limit is for a chain that never ends.
    for (let pc = 0, steps = 0; pc < this.#codes.length && steps < STEPS_MAX; pc++, steps++) {
      const code = this.#codes[pc] as number;
      const k = this.#constants[pc] as number;
      switch (code & 0x07) {
        case LD: {
          const mode = code & 0xe0;
          if (mode === MODE_ABSOLUTE || mode === MODE_INDIRECT) {
            const at = mode === MODE_ABSOLUTE ? k : (x + k) >>> 0;
            const size = code & 0x18;
            const length = size === SIZE_WORD ? 4 : size === SIZE_HALF ? 2 : 1;
            if (at + length > capturedBytes) return 0;
            a = bigEndian(bytes, offsetBytes + at, length);
          } else if (mode === MODE_IMMEDIATE) a = k;
          else if (mode === MODE_SCRATCH) a = scratch[k] ?? 0;
          else if (mode === MODE_LENGTH) a = originalBytes;
          else return 0;
          break;
        }
        case LDX: {
          const mode = code & 0xe0;
          if (mode === MODE_IPV4_HEADER) {
            if (k + 1 > capturedBytes) return 0;
            x = ((bytes[offsetBytes + k] as number) & 15) << 2;
          } else if (mode === MODE_IMMEDIATE) x = k;
          else if (mode === MODE_SCRATCH) x = scratch[k] ?? 0;
          else if (mode === MODE_LENGTH) x = originalBytes;
          else return 0;
          break;
        }
        case ST:
          scratch[k] = a;
          break;
        case STX:
          scratch[k] = x;
          break;
        case ALU: {
          const operand = (code & SOURCE_X) === 0 ? k : x;
          const result = calculate(code & 0xf0, a, operand);
          if (result === undefined) return 0;
          a = result;
          break;
        }
        case JMP: {
          const operand = (code & SOURCE_X) === 0 ? k : x;
          if ((code & 0xf0) === 0x00) pc += k | 0;
          else pc += ((compare(code & 0xf0, a, operand) ? this.#jumpsTrue : this.#jumpsFalse)[pc] as number) | 0;
          break;
        }
        case RET:
          return (code & 0x18) === 0x10 ? a : k;
        default:
          if ((code & 0xf8) === 0x80) a = x;
          else x = a;
      }
    }
    return 0;
  }
}

function bigEndian(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let i = 0; i < length; i++) value = value * 256 + (bytes[at + i] as number);
  return value;
}

/** undefined: a division by zero, which ends the program without a match. */
function calculate(operation: number, a: number, operand: number): number | undefined {
  switch (operation) {
    case 0x00:
      return (a + operand) >>> 0;
    case 0x10:
      return (a - operand) >>> 0;
    case 0x20:
      return Math.imul(a, operand) >>> 0;
    case 0x30:
      return operand === 0 ? undefined : Math.floor(a / operand);
    case 0x40:
      return (a | operand) >>> 0;
    case 0x50:
      return (a & operand) >>> 0;
    case 0x60:
      return operand > 31 ? 0 : (a << operand) >>> 0;
    case 0x70:
      return operand > 31 ? 0 : a >>> operand;
    case 0x80:
      return -a >>> 0;
    case 0x90:
      return operand === 0 ? undefined : a % operand;
    case 0xa0:
      return (a ^ operand) >>> 0;
    default:
      return undefined;
  }
}

function compare(operation: number, a: number, operand: number): boolean {
  switch (operation) {
    case 0x10:
      return a === operand;
    case 0x20:
      return a > operand;
    case 0x30:
      return a >= operand;
    default:
      return (a & operand) !== 0;
  }
}
