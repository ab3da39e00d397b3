/**
 * Versions of the image: dotted numbers, and for what comes before a version a suffix, `1.4.0~rc2`. No leading zeros, so that two
 * versions are the same only when their texts are. Safe in file names, and in the names that systemd-sysupdate takes apart.
 */
export const VERSION_PATTERN = /^(?:0|[1-9]\d{0,8})(?:\.(?:0|[1-9]\d{0,8})){0,5}(?:~[a-z]{1,16}(?:0|[1-9]\d{0,8})?)?$/;
export const VERSION_WORDS = "a version like 1.4.0 or 1.4.0~rc2";

/** Lower than every other version. */
export const LEAST_VERSION = "0~a";

export function isVersion(text: string): boolean {
  return VERSION_PATTERN.test(text);
}

/**
 * The order of systemd: negative when `a` is the older, 0 when they are the same. Both are of VERSION_PATTERN; of other texts the order
 * is any. Source: strverscmp_improved() of systemd 257, src/fundamental/string-util-fundamental.c, for the characters that occur here.
 */
export function compareVersions(a: string, b: string): number {
  let [restA, restB] = [a, b];
  for (;;) {
    const isEarly = [restA.startsWith("~"), restB.startsWith("~")] as const;
    if (isEarly[0] !== isEarly[1]) return isEarly[0] ? -1 : 1;
    if (isEarly[0]) [restA, restB] = [restA.slice(1), restB.slice(1)];
    if (restA === "" || restB === "") return Math.sign(restA.length - restB.length);
    const isPoint = [restA.startsWith("."), restB.startsWith(".")] as const;
    if (isPoint[0] !== isPoint[1]) return isPoint[0] ? 1 : -1;
    if (isPoint[0]) [restA, restB] = [restA.slice(1), restB.slice(1)];
    const isNumber = /^\d/.test(restA) || /^\d/.test(restB);
    const partA = leading(restA, isNumber);
    const partB = leading(restB, isNumber);
    const order = isNumber ? compareNumbers(partA, partB) : compareWords(partA, partB);
    if (order !== 0) return order;
    if (partA === "" && partB === "") return compareWords(restA, restB); // a character that no version has
    [restA, restB] = [restA.slice(partA.length), restB.slice(partB.length)];
  }
}

function leading(text: string, isNumber: boolean): string {
  return (isNumber ? /^\d*/ : /^[A-Za-z]*/).exec(text)?.[0] ?? "";
}

/** A number is newer than none. */
function compareNumbers(a: string, b: string): number {
  if ((a === "") !== (b === "")) return a === "" ? -1 : 1;
  const [shortA, shortB] = [a.replace(/^0+/, ""), b.replace(/^0+/, "")];
  return Math.sign(shortA.length - shortB.length) || compareWords(shortA, shortB);
}

function compareWords(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
