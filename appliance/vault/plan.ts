import type { StoreHeader } from "./luks-header.ts";

/** What the state partition remembers of a format: it was begun, or it is done and base is not told yet. */
export type FormatRecord =
  | { readonly state: "formatting" }
  | { readonly state: "formatted"; readonly luksUuid: string };

/** Before base is asked. */
export type HeaderVerdict =
  | { readonly ask: true; readonly luksUuid: string | null }
  | { readonly ask: false; readonly detail: string };

/** With the key in hand. */
export type StorePlan =
  | { readonly action: "open" }
  /** Open aside, make a file system if there is none, close, open. */
  | { readonly action: "finishFormat" }
  /** Write a LUKS header, then as `finishFormat`. */
  | { readonly action: "format" }
  | { readonly action: "leave"; readonly detail: string };

/** A damaged header is worth no key, except where a format that base allowed was cut off before it was done. */
export function judgeHeader(header: StoreHeader, record: FormatRecord | undefined): HeaderVerdict {
  switch (header.state) {
    case "luks2":
      return { ask: true, luksUuid: header.uuid };
    case "none":
      return { ask: true, luksUuid: null };
    case "damaged":
      if (record?.state === "formatting") return { ask: true, luksUuid: null };
      return { ask: false, detail: `the store's header is damaged, nothing is written to it: ${header.detail}` };
  }
}

/**
 * A header is written only when base says `format` now, and either there is no trace of one or we ourselves were cut off
 * while writing it. That opening failed is never a reason.
 */
export function planStore(header: StoreHeader, record: FormatRecord | undefined, baseSaysFormat: boolean): StorePlan {
  const begun = record?.state === "formatting";
  switch (header.state) {
    case "luks2":
      return { action: baseSaysFormat || begun ? "finishFormat" : "open" };
    case "none":
      if (baseSaysFormat) return { action: "format" };
      return { action: "leave", detail: "there is no LUKS header on the store, and base does not allow to format it" };
    case "damaged":
      if (baseSaysFormat && begun) return { action: "format" };
      return { action: "leave", detail: `the store's header is damaged, nothing is written to it: ${header.detail}` };
  }
}
