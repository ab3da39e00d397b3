/** Names and values of the entries 1 to 61 (RFC 7541, appendix A). */
export const STATIC_TABLE: readonly (readonly [name: string, value: string])[] = [
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ...nameOnly("accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control"),
  ...nameOnly("content-disposition content-encoding content-language content-length content-location content-range"),
  ...nameOnly(
    "content-type cookie date etag expect expires from host if-match if-modified-since if-none-match if-range",
  ),
  ...nameOnly(
    "if-unmodified-since last-modified link location max-forwards proxy-authenticate proxy-authorization range",
  ),
  ...nameOnly(
    "referer refresh retry-after server set-cookie strict-transport-security transfer-encoding user-agent vary",
  ),
  ...nameOnly("via www-authenticate"),
];

function nameOnly(names: string): [string, string][] {
  return names.split(" ").map((name) => [name, ""]);
}
