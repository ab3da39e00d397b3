/** What is wrong with the URI of a key in a PKCS #11 token (RFC 7512), in words; undefined: nothing. */
export function faultOfTokenUri(uri: string): string | undefined {
  if (!/^pkcs11:[\x21-\x7e]+$/.test(uri)) return `expected pkcs11:…, found ${JSON.stringify(uri.slice(0, 40))}`;
  if (/pin-value=/.test(uri))
    return "the PIN must not be in it: name a file that only you can read, pin-source=file:/…";
  return undefined;
}
