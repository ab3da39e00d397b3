/** The first checkpoint of a direction's cumulative entropy, in octets of payload; the next ones double it. */
export const CHECKPOINT_LEAST_BYTES = 64;
export const CHECKPOINT_LEAST_ORDER = 6;
