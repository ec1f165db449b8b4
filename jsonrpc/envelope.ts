/**
 * The envelope of a message that is not parsed as a whole: its id and its kind.
 *
 * @module
 */

/** A request's id, which keeps its type: `7` and `"7"` are two ids. */
export type RequestId = string | number;

export interface Envelope {
  /** `undefined` if there is none that a response could carry. */
  readonly id: RequestId | undefined;
  /** A call has a `method`; an answer has a `result` or an `error` and no `method`. */
  readonly kind: "call" | "answer" | "neither";
}

const MAX_ID_BYTES = 4096;
const NAMES: readonly string[] = ["id", "method", "result", "error"];
/** Longer than each of their names with every letter escaped. */
const MAX_NAME_BYTES = 64;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);
const BRACE = 0x7b;

/** Whether `value` is a string or an integer, as ids are. */
export function isRequestId(value: unknown): value is RequestId {
  return typeof value === "string" || Number.isSafeInteger(value);
}

export function envelopeOf(message: Readonly<Record<string, unknown>>): Envelope {
  const has = (name: string) => Object.hasOwn(message, name);
  const kind = has("method") ? "call" : has("result") || has("error") ? "answer" : "neither";
  return { id: isRequestId(message.id) ? message.id : undefined, kind };
}

/**
 * Finds the envelope in bytes that are not kept. Only the top level counts; of a name that comes
 * twice, the last one, as for `JSON.parse`.
 */
export class EnvelopeScanner {
  readonly #members: Record<string, unknown> = {};
  #depth = 0;
  #inString = false;
  #isEscaped = false;
  #begun = false;
  #broken = false;
  #name: string | undefined;
  #token: number[] = [];
  #isTokenLost = false;

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      if (this.#inString) this.#inside(byte);
      else this.#between(byte);
    }
  }

  /** The envelope; `undefined` if the bytes were not one whole object. */
  end(): Envelope | undefined {
    if (!this.#begun || this.#broken || this.#depth > 0) return undefined;
    return envelopeOf(this.#members);
  }

  #inside(byte: number): void {
    this.#keep(byte);
    if (this.#isEscaped) this.#isEscaped = false;
    else if (byte === BACKSLASH) this.#isEscaped = true;
    else if (byte === QUOTE) this.#inString = false;
  }

  #between(byte: number): void {
    if (byte <= 0x20) return;
    if (this.#depth === 0) {
      // Exactly one object may come.
      if (this.#begun || byte !== BRACE) this.#broken = true;
      this.#begun = true;
      this.#depth = 1;
    } else if (OPENING.has(byte)) {
      this.#keep(byte);
      this.#depth++;
    } else if (CLOSING.has(byte)) {
      if (this.#depth === 1) this.#member();
      this.#depth--;
    } else if (byte === COMMA && this.#depth === 1) {
      this.#member();
    } else if (byte === COLON && this.#depth === 1) {
      const name = this.#parsed();
      this.#name = typeof name === "string" ? name : "";
    } else {
      this.#keep(byte);
      this.#inString = byte === QUOTE;
    }
  }

  #member(): void {
    const name = this.#name;
    const value = this.#parsed();
    if (name !== undefined && NAMES.includes(name)) this.#members[name] = value;
    this.#name = undefined;
  }

  #keep(byte: number): void {
    if (this.#depth !== 1 || this.#isTokenLost) return;
    const isId = this.#name === "id";
    if (this.#name !== undefined && !isId) return;
    if (this.#token.length < (isId ? MAX_ID_BYTES : MAX_NAME_BYTES)) this.#token.push(byte);
    else this.#isTokenLost = true;
  }

  #parsed(): unknown {
    const text = new TextDecoder().decode(Uint8Array.from(this.#token));
    const isLost = this.#isTokenLost;
    this.#token = [];
    this.#isTokenLost = false;
    try {
      return isLost ? undefined : JSON.parse(text);
    } catch {
      return undefined;
    }
  }
}
