/**
 * A request's body, read in parts into no more memory than they need.
 *
 * @module
 */

/** The buffer of one read, which is held while a slow body comes. */
const READ_BYTES = 4 * 1024;

interface BodyParts {
  /**
   * Reads the next part, `undefined` after the last.
   *
   * @throws {Error} if the body is cut off.
   */
  next(): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Discards the rest, and ends a pending `next()`. */
  cancel(): void;
}

export function partsOf(body: ReadableStream<Uint8Array<ArrayBuffer>>): BodyParts {
  let reader: ReadableStreamBYOBReader;
  try {
    // Into a buffer of its own: for any other reader Deno holds 64 KiB for as long as the body takes.
    reader = body.getReader({ mode: "byob" });
  } catch {
    // Not a byte stream.
    return partsAsTheyCome(body);
  }
  return coalescedParts(reader);
}

/** Parts of more than {@linkcode READ_BYTES} but for the last: a body may come byte by byte. */
function coalescedParts(reader: ReadableStreamBYOBReader): BodyParts {
  let buffer = new Uint8Array(READ_BYTES);
  let isOver = false;
  const next = async () => {
    const part = new Uint8Array(2 * READ_BYTES);
    let length = 0;
    // Not into the rest of `part`: with room for only a few bytes Deno would wait for ever.
    while (!isOver && length <= READ_BYTES) {
      const { done, value } = await reader.read(buffer);
      isOver = done;
      if (value === undefined) break;
      part.set(value, length);
      length += value.length;
      buffer = new Uint8Array(value.buffer);
    }
    return length === 0 ? undefined : part.subarray(0, length);
  };
  return { next, cancel: () => void reader.cancel().catch(() => {}) };
}

/** Parts as they come: of a request that arrived whole, or was made in this process. */
function partsAsTheyCome(body: ReadableStream<Uint8Array<ArrayBuffer>>): BodyParts {
  const reader = body.getReader();
  const next = async () => (await reader.read()).value;
  return { next, cancel: () => void reader.cancel().catch(() => {}) };
}
