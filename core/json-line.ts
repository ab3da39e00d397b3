/**
 * JSON of one line that no terminal takes for commands: JSON.stringify escapes the control characters of ASCII but DEL, and none of
 * ISO 8859-1 (U+0080 to U+009F), of which U+009B does what ESC [ does.
 */
export function renderJsonLine(value: unknown): string {
  return JSON.stringify(value).replace(/[\u007f-\u009f]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
}
