/**
 * The order of Debian's versions: negative when `a` is the older, 0 when they are the same. Source: Debian policy, section 5.6.12.
 */
export function compareDebianVersions(a: string, b: string): number {
  const [one, other] = [partsOf(a), partsOf(b)];
  return (
    compareNumbers(one.epoch, other.epoch) ||
    compareParts(one.upstream, other.upstream) ||
    compareParts(one.revision, other.revision)
  );
}

function partsOf(version: string): { readonly epoch: string; readonly upstream: string; readonly revision: string } {
  const colon = version.indexOf(":");
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf("-");
  return {
    epoch: colon < 0 ? "0" : version.slice(0, colon),
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? "0" : rest.slice(dash + 1),
  };
}

/** By turns what is no digit, character by character, and a number. */
function compareParts(a: string, b: string): number {
  let [atA, atB] = [0, 0];
  while (atA < a.length || atB < b.length) {
    while ((atA < a.length && !isDigit(a, atA)) || (atB < b.length && !isDigit(b, atB))) {
      const order = weightAt(a, atA) - weightAt(b, atB);
      if (order !== 0) return Math.sign(order);
      atA++;
      atB++;
    }
    const [endA, endB] = [endOfDigits(a, atA), endOfDigits(b, atB)];
    const order = compareNumbers(a.slice(atA, endA), b.slice(atB, endB));
    if (order !== 0) return order;
    [atA, atB] = [endA, endB];
  }
  return 0;
}

/** A tilde before the end, the end (or a digit) before letters, letters before all else. */
function weightAt(text: string, at: number): number {
  if (at >= text.length || isDigit(text, at)) return 0;
  const code = text.charCodeAt(at);
  if (code === 0x7e) return -1;
  return /[A-Za-z]/.test(text[at] ?? "") ? code : code + 256;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0x30 && code <= 0x39;
}

function endOfDigits(text: string, from: number): number {
  let at = from;
  while (at < text.length && isDigit(text, at)) at++;
  return at;
}

/** Of any length; none is 0. */
function compareNumbers(a: string, b: string): number {
  const [one, other] = [a.replace(/^0+/, ""), b.replace(/^0+/, "")];
  return Math.sign(one.length - other.length) || (one < other ? -1 : one > other ? 1 : 0);
}
