/**
 * Reading a request's body in parts, into no more memory than they need.
 *
 * @module
 */

/** How much is set aside for what comes next, which may be long in coming. */
const READ_BYTES = 4 * 1024;

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
  return reader === undefined ? anyParts(body) : wholeParts(reader);
}

/** Parts of some size, but for the last: a body may come byte by byte, and each part costs more. */
function wholeParts(reader: ReadableStreamBYOBReader): BodyParts {
  let buffer = new Uint8Array(READ_BYTES);
  let isOver = false;
  const next = async () => {
    const part = new Uint8Array(2 * READ_BYTES);
    let length = 0;
    // Never into what is left of a part: with room for a few bytes Deno would wait for ever.
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

/** Parts as they come: of a request that had come whole, or was made in this process. */
function anyParts(body: ReadableStream<Uint8Array<ArrayBuffer>>): BodyParts {
  const reader = body.getReader();
  const next = async () => (await reader.read()).value;
  return { next, cancel: () => void reader.cancel().catch(() => {}) };
}

/**
 * A reader that reads into memory of ours: Deno sets 64 KiB aside for any other, and a body that
 * does not come keeps them. `undefined` if the stream has no such reader.
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
