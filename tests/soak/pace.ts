/** Pauses between calls: a soak looks for losses, not for speed. */

/** Waits for a number of milliseconds. */
export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
