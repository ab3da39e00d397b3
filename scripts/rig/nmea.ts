/** `$BODY*CHECKSUM`, NMEA 0183: exclusive or of the characters between `$` and `*`. */
export function nmeaSentence(body: string): string {
  let checksum = 0;
  for (const character of body) checksum ^= character.charCodeAt(0);
  return `$${body}*${checksum.toString(16).toUpperCase().padStart(2, "0")}`;
}

/** Where a sentence has its time of day, and its date, by field. */
const TIME_FIELD: Readonly<Record<string, number>> = { RMC: 1, GGA: 1, GLL: 5, ZDA: 1, GNS: 1, GST: 1 };

/** The sentence as if it were sent at `atMs`; one with a wrong checksum, or without a time, is left as it is. */
export function restampSentence(line: string, atMs: number): string {
  const body = /^\$([A-Z]{5},[^*]*)\*([0-9A-F]{2})$/.exec(line)?.[1];
  if (body === undefined || nmeaSentence(body) !== line) return line;
  const fields = body.split(",");
  const type = fields[0]?.slice(2) ?? "";
  const timeField = TIME_FIELD[type];
  if (timeField === undefined || !fields[timeField]) return line;
  const iso = new Date(atMs).toISOString(); // 2026-11-24T15:30:09.000Z
  const [year, month, day] = [iso.slice(0, 4), iso.slice(5, 7), iso.slice(8, 10)];
  fields[timeField] = `${iso.slice(11, 19).replaceAll(":", "")}.${iso.slice(20, 22)}`;
  if (type === "RMC" && fields[9]) fields[9] = `${day}${month}${year.slice(2)}`;
  if (type === "ZDA") fields.splice(2, 3, day, month, year);
  return nmeaSentence(fields.join(","));
}

/** Sentences by epoch: a new one begins with the type of the first sentence. Lines that are none stay in their place. */
export function nmeaEpochs(log: string): string[][] {
  const lines = log.split(/\r?\n/).filter((line) => line.startsWith("$"));
  const first = lines[0]?.slice(1, 6);
  const epochs: string[][] = [];
  for (const line of lines) {
    if (line.slice(1, 6) === first || epochs.length === 0) epochs.push([]);
    epochs.at(-1)?.push(line);
  }
  return epochs;
}
