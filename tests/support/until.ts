/** Repeats `once` until its outcome is wanted, for what no event tells. */
export async function until<T>(
  once: () => T | Promise<T>,
  isWanted: (outcome: T) => boolean,
): Promise<T> {
  const deadline = AbortSignal.timeout(60_000);
  for (;;) {
    const outcome = await once();
    if (isWanted(outcome)) return outcome;
    deadline.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
