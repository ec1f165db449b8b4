/**
 * Reading a request's body in parts, into no more memory than they need.
 *
 * @module
 */

/** How much is set aside for the part that comes next, which may be long in coming. */
const PART_BYTES = 4 * 1024;

/** A body that is being read. */
export interface BodyParts {
  /**
   * The next part, `undefined` after the last.
   *
   * @throws {Error} If the body ends before it is whole.
   */
  next(): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Lets go of what has not been read; a `next()` that waits then ends. */
  cancel(): void;
}

/** Begins to read a body. */
export function partsOf(body: ReadableStream<Uint8Array<ArrayBuffer>>): BodyParts {
  const reader = byteReader(body);
  if (reader === undefined) {
    const reader = body.getReader();
    const next = async () => (await reader.read()).value;
    return { next, cancel: () => void reader.cancel().catch(() => {}) };
  }
  let buffer = new Uint8Array(PART_BYTES);
  const next = async () => {
    const { done, value } = await reader.read(buffer);
    if (done) return undefined;
    buffer = new Uint8Array(value.buffer);
    return value.slice();
  };
  return { next, cancel: () => void reader.cancel().catch(() => {}) };
}

/**
 * A reader that reads into memory of ours: Deno sets 64 KiB aside for any other, and a body that
 * does not come keeps them. A request that was made in this process may have no such reader.
 */
function byteReader(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): ReadableStreamBYOBReader | undefined {
  try {
    return body.getReader({ mode: "byob" });
  } catch {
    return undefined;
  }
}
