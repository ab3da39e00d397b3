/** `cepa flash …`; returns the exit status. */
export async function runFlashCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  signal.throwIfAborted();
  process.stderr.write(`cepa flash: unknown arguments ${args.join(" ")}\n`);
  return 2;
}
