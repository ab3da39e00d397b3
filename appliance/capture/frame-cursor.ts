/** One frame. */
export interface FrameFields {
  readonly bytes: Uint8Array;
  /** Start of the link layer's header in `bytes`. */
  readonly offsetBytes: number;
  readonly capturedBytes: number;
  /** On the wire. */
  readonly originalBytes: number;
  readonly timeSeconds: number;
  readonly timeNanoseconds: number;
}

/**
 * Walks over the frames of one block, whatever it came from; the fields are those of the present frame, after `next`
 * returned true. Reused: nothing is allocated for a frame.
 */
export interface FrameCursor extends FrameFields {
  next(): boolean;
}

/** LINKTYPE_ value of tcpdump.org/linktypes.html. */
export const LINKTYPE_ETHERNET = 1;
