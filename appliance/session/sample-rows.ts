/** Words of a direction (int32): 32 octets, both directions of a session in one line of a processor's cache. */
export const SAMPLE_WORDS = 8;
/** One of those below. */
export const STATE = 0;
/** Payload octets seen, up to the end of the last window that is wanted. */
export const POSITION = 1;
/** Offset in the pool of its first octets, as they are, while the position is short of the head's end. */
export const HEAD = 2;
/** ... of the counts of the window, or of all before it. */
export const COUNTS = 3;
/** ... of the counts of what lies before the first window, while they are needed. */
export const COUNTS_BEFORE = 4;
/** Index into the cuts of the plan. */
export const NEXT_CUT = 5;
/** Of RawWindows, while octets are kept there. */
export const RAW_WINDOW = 6;
/** The format of the head; in the next octet that of the raw window, where there was one; and HOLED. */
export const FACTS = 7;

export const FORMAT_MASK = 0xff;
export const WINDOW_FORMAT_SHIFT = 8;
/** Octets are missing, so that the cumulative entropy says nothing. */
export const HOLED = 1 << 16;

export const EMPTY = 0;
export const SAMPLING = 1;
/** All that is wanted is known, the memory is given back. */
export const MEASURED = 2;
/** There was no room. */
export const SKIPPED = 3;
