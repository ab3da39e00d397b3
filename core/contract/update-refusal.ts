/** Why a set is not taken. Codes are for programs, `message` is a sentence for people. */
export const REFUSAL_REASONS = [
  /** The image, or base, has no key that could say who may sign. */
  "noKey",
  "unsigned",
  "badSignature",
  /** SHA256SUMS or update.json is not of the form, or they don't fit together. */
  "badDescription",
  "missingFile",
  /** There is a file beside those of the set. */
  "unexpectedFile",
  /** A link, a device, a folder. */
  "notAFile",
  "wrongSize",
  "wrongHash",
  "wrongProfile",
  /** Older than what runs, or the same. */
  "notNewer",
  "belowMinimum",
  /** It ran on this box, and did not pass its trial. */
  "failedBefore",
  "noRoom",
  /** Base has another set than the one whose download was begun. */
  "changedAtBase",
  /** A stick, or a file system on it, that can't be read. */
  "unreadable",
  /** It was good, and could not be written into the other slot; the box tries again. */
  "notInstalled",
] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** Of a version that is refused for these it makes no sense to ask for again; the others may pass. */
export const FINAL_REASONS: readonly RefusalReason[] = ["wrongProfile", "notNewer", "belowMinimum", "failedBefore"];

export class UpdateRefusedError extends Error {
  override readonly name = "UpdateRefusedError";
  readonly code: RefusalReason;
  constructor(code: RefusalReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
