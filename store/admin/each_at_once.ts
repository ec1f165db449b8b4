/**
 * Many items of work under way at once, as a database answers many in the time of one.
 *
 * @module
 */

const AT_ONCE = 64;

/** Does the work of all items, some at once. The first that fails ends it. */
export async function eachAtOnce<T>(
  items: Iterator<T> | AsyncIterator<T>,
  work: (item: T) => Promise<void>,
): Promise<void> {
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let next = await items.next(); !next.done; next = await items.next()) {
      await work(next.value);
    }
  }));
}
