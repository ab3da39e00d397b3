export class FlashError extends Error {
  override readonly name = "FlashError";
  readonly code: "badImage" | "badTarget" | "tooSmall" | "inUse" | "differs" | "toolFailed";
  constructor(code: FlashError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
