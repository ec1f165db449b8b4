/**
 * Waiting for a promise, but not for ever.
 *
 * @module
 */

/** What `work` gives, or `undefined` when `ms` milliseconds pass first. Rejects as `work` does. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, ms, undefined);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
