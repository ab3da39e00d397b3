import { BpfProgram } from "./bpf-program.ts";
import { FRAME_MAX_BYTES } from "./savefile-pcap.ts";
import type { FrameSink } from "./savefile-records.ts";

/** Instructions for an expression and a link type, by libpcap; throws when either makes no sense. */
export type CompileFilter = (expression: string, linkType: number, snaplenBytes: number) => ArrayBuffer;

/** Lets only those frames through that match; the expression is compiled for each link type that is met. */
export class FilteredSink implements FrameSink {
  readonly #programs = new Map<number, BpfProgram>();
  readonly #expression: string;
  readonly #compile: CompileFilter;
  readonly #sink: FrameSink;

  constructor(expression: string, compile: CompileFilter, sink: FrameSink) {
    this.#expression = expression;
    this.#compile = compile;
    this.#sink = sink;
  }

  frame(
    block: Uint8Array,
    offsetBytes: number,
    capturedBytes: number,
    originalBytes: number,
    timeSeconds: number,
    timeNanoseconds: number,
    linkType: number,
  ): void {
    const program = this.#programOf(linkType);
    if (program.run(block, offsetBytes, capturedBytes, originalBytes) === 0) return;
    this.#sink.frame(block, offsetBytes, capturedBytes, originalBytes, timeSeconds, timeNanoseconds, linkType);
  }

  #programOf(linkType: number): BpfProgram {
    let program = this.#programs.get(linkType);
    if (program === undefined) {
      program = new BpfProgram(this.#compile(this.#expression, linkType, FRAME_MAX_BYTES));
      this.#programs.set(linkType, program);
    }
    return program;
  }
}
