import { type EntropyProfile, readEntropyProfile } from "./entropy-profile.ts";
import dns from "./profiles/dns.json" with { type: "json" };
import http from "./profiles/http.json" with { type: "json" };
import ssh from "./profiles/ssh.json" with { type: "json" };
import tls from "./profiles/tls.json" with { type: "json" };

/** Made by `cepa-sensor profile learn`; each says from which captures. */
export const SHIPPED_PROFILES: readonly EntropyProfile[] = Object.entries({ dns, http, ssh, tls }).map(([name, json]) =>
  readEntropyProfile(json, name),
);

/** The shipped profiles, those of the same protocol replaced by `others`. */
export function withShipped(others: readonly EntropyProfile[]): readonly EntropyProfile[] {
  const replaced = new Set(others.map(({ protocol }) => protocol));
  return [...SHIPPED_PROFILES.filter(({ protocol }) => !replaced.has(protocol)), ...others];
}
