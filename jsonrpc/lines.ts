/**
 * Line framing: JSON-RPC messages, one a line, in a stream of bytes.
 *
 * @module
 */

import { type Envelope, EnvelopeScanner } from "./envelope.ts";

/** The largest message that a server takes from a client, or a bridge from its host, in bytes. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

const NEWLINE = 0x0a;

/** A line past the limit: only its envelope is kept. */
export class LongLine {
  /** `undefined` if it was no object. */
  readonly envelope: Envelope | undefined;
  readonly length = 0;

  constructor(envelope: Envelope | undefined) {
    this.envelope = envelope;
  }
}

/**
 * The lines of a stream but for blank ones, in groups that end in one piece of it. The end of the
 * stream ends the last line. A line past `maxBytes` is a {@linkcode LongLine}.
 */
export async function* linesOf(
  stream: ReadableStreamDefaultReader<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<(Uint8Array | LongLine)[]> {
  let line = new LineBuffer(maxBytes);
  for (let piece; (piece = (await stream.read()).value) !== undefined;) {
    const lines: (Uint8Array | LongLine)[] = [];
    let start = 0;
    for (let end; (end = piece.indexOf(NEWLINE, start)) !== -1; start = end + 1) {
      line.push(piece.subarray(start, end));
      const whole = line.end();
      line = new LineBuffer(maxBytes);
      if (whole !== undefined) lines.push(whole);
    }
    line.push(piece.subarray(start));
    if (lines.length > 0) yield lines;
  }
  const last = line.end();
  if (last !== undefined) yield [last];
}

class LineBuffer {
  readonly #maxBytes: number;
  #parts: Uint8Array[] = [];
  #length = 0;
  #scanner: EnvelopeScanner | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#length += part.length;
    if (this.#length <= this.#maxBytes) return void this.#parts.push(part);
    if (this.#scanner === undefined) {
      this.#scanner = new EnvelopeScanner();
      for (const kept of this.#parts) this.#scanner.push(kept);
      this.#parts = [];
    }
    this.#scanner.push(part);
  }

  /** The line, unless it is blank. */
  end(): Uint8Array | LongLine | undefined {
    if (this.#scanner !== undefined) return new LongLine(this.#scanner.end());
    const [first = new Uint8Array(), ...rest] = this.#parts;
    const line = rest.length === 0 ? first : this.#joined();
    return line.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09) ? undefined : line;
  }

  #joined(): Uint8Array {
    const whole = new Uint8Array(this.#length);
    let offset = 0;
    for (const part of this.#parts) {
      whole.set(part, offset);
      offset += part.length;
    }
    return whole;
  }
}
