/**
 * Time to breathe between two calls: a soak looks for what is lost, not for how fast it goes.
 *
 * @module
 */

/** Waits for some milliseconds. */
export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
