/** `cepa image …`; returns the exit status. */
export async function runImageCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  signal.throwIfAborted();
  process.stderr.write(`cepa image: unknown command ${args[0] ?? ""}\n`);
  return 2;
}
