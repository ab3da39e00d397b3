/**
 * Takes frames out of a block that is reused after the call. `linkType` is a LINKTYPE_ value of tcpdump.org; times are
 * since 1970.
 */
export interface FrameSink {
  frame(
    block: Uint8Array,
    offsetBytes: number,
    capturedBytes: number,
    originalBytes: number,
    timeSeconds: number,
    timeNanoseconds: number,
    linkType: number,
  ): void;
}

/** `damaged`: what came before was whole; `why` says where and what. */
export type ReadState =
  | { readonly name: "more" }
  | { readonly name: "clean" }
  | { readonly name: "damaged"; readonly why: string };

export const MORE: ReadState = { name: "more" };
export const CLEAN: ReadState = { name: "clean" };

/** Records of one format, over a block reader. */
export interface SavefileRecords {
  /** Gives the frames that are in memory to the sink, then reads one block more. */
  next(sink: FrameSink): ReadState;
}
