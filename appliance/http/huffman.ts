/**
 * Lengths in bits of the codes of octets 0 to 255 and of EOS, each as a digit of base 36. The code is canonical, so they say
 * all of it (RFC 7541, section 5.2 and appendix B).
 */
const CODE_LENGTHS =
  "dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6ca" +
  "d67777777777777777777777878djde6f56565666577666567655677777fbeds" +
  "kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn" +
  "qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrqu";

const EOS = 256;
const NODES = 256;
/** A code has five bits or more: four bits end one code at most. */
const STEP_BITS = 4;
const STEPS = 1 << STEP_BITS;
/** Padding has fewer bits than an octet (RFC 7541, section 5.2). */
const PADDING_MAX_BITS = 7;

/** Of a step: the node that it leads to, and what it found. */
const NODE = 0xff;
const OCTET_SHIFT = 8;
const HAS_OCTET = 0x10000;
const HAS_EOS = 0x20000;

/** The node behind each bit, `node * 2 + bit`; a code that ends there as -1 - octet. */
const BRANCHES = branchesOf(CODE_LENGTHS);
const TRANSITIONS = transitionsOf(BRANCHES);
/** Nodes at which a text may end: what was read since the last code are ones only, as of EOS. */
const MAY_END = endsOf(BRANCHES);

/**
 * Decodes `bytes[from]` to `bytes[to - 1]` into `out`, as far as that has room; gives the length of the whole text, or -1 when it
 * holds EOS or doesn't end as it must.
 */
export function decodeHuffman(bytes: Uint8Array, from: number, to: number, out: Uint8Array): number {
  let node = 0;
  let length = 0;
  for (let at = from; at < to; at++) {
    const octet = bytes[at] as number;
    for (let shift = STEP_BITS; shift >= 0; shift -= STEP_BITS) {
      const step = TRANSITIONS[node * STEPS + ((octet >> shift) & (STEPS - 1))] as number;
      if ((step & HAS_EOS) !== 0) return -1;
      if ((step & HAS_OCTET) !== 0) {
        if (length < out.length) out[length] = (step >> OCTET_SHIFT) & 0xff;
        length++;
      }
      node = step & NODE;
    }
  }
  return MAY_END[node] === 1 ? length : -1;
}

/** The tree of the code: codes of a length follow each other in the order of their octets, the shorter ones first. */
function branchesOf(digits: string): Int16Array {
  const lengths = Array.from(digits, (digit) => Number.parseInt(digit, 36));
  const order = lengths.map((_, octet) => octet).sort((a, b) => (lengths[a] as number) - (lengths[b] as number));
  const branches = new Int16Array(2 * NODES);
  let nodes = 1;
  let code = 0;
  let codeLength = 0;
  for (const octet of order) {
    const length = lengths[octet] as number;
    code <<= length - codeLength;
    codeLength = length;
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const branch = 2 * node + ((code >> bit) & 1);
      if (branches[branch] === 0) branches[branch] = nodes++;
      node = branches[branch] as number;
    }
    branches[2 * node + (code & 1)] = -1 - octet;
    code++;
  }
  return branches;
}

function transitionsOf(branches: Int16Array): Uint32Array {
  const transitions = new Uint32Array(NODES * STEPS);
  for (let i = 0; i < transitions.length; i++) {
    let node = i >> STEP_BITS;
    let found = 0;
    for (let bit = STEP_BITS - 1; bit >= 0; bit--) {
      const next = branches[2 * node + ((i >> bit) & 1)] as number;
      if (next === -1 - EOS) found |= HAS_EOS;
      else if (next < 0) found |= HAS_OCTET | ((-1 - next) << OCTET_SHIFT);
      node = Math.max(next, 0);
    }
    transitions[i] = found | node;
  }
  return transitions;
}

function endsOf(branches: Int16Array): Uint8Array {
  const ends = new Uint8Array(NODES);
  let node = 0;
  for (let bits = 0; bits <= PADDING_MAX_BITS; bits++) {
    ends[node] = 1;
    node = branches[2 * node + 1] as number;
  }
  return ends;
}
