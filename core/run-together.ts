/**
 * Runs jobs side by side. The first that fails stops the others, and its error is thrown once all have ended; a job that
 * returns early stops nobody. Throws the AbortError of `signal` when that is what ended them.
 */
export async function runTogether(
  signal: AbortSignal,
  jobs: readonly ((signal: AbortSignal) => Promise<void>)[],
): Promise<void> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const run = async (job: (signal: AbortSignal) => Promise<void>): Promise<void> => {
    try {
      await job(both);
    } catch (error) {
      stop.abort(error);
      throw error;
    }
  };
  const results = await Promise.allSettled(jobs.map(run));
  signal.throwIfAborted();
  if (stop.signal.aborted) throw stop.signal.reason;
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
