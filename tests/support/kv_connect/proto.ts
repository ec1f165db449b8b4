/**
 * The messages of KV Connect, read and written as protobuf: what a client sends, and what it gets.
 *
 * @module
 */

/** Bytes as a string of one character each, so that `<` compares them as bytes compare. */
export type Binary = string;

export interface ReadRange {
  readonly start: Binary;
  readonly end: Binary;
  readonly limit: number;
  readonly reverse: boolean;
}

export interface Check {
  readonly key: Binary;
  /** Empty when the key must not exist. */
  readonly versionstamp: Binary;
}

export interface Mutation {
  readonly key: Binary;
  readonly type: number;
  readonly value: Uint8Array;
  readonly encoding: number;
  readonly expiresAt: number;
}

export interface AtomicWrite {
  readonly checks: readonly Check[];
  readonly mutations: readonly Mutation[];
  readonly enqueues: number;
}

export interface Entry {
  readonly key: Binary;
  readonly value: Uint8Array;
  readonly encoding: number;
  readonly versionstamp: Binary;
}

/** What became of a write: its versionstamp, or which of its checks failed. */
export type Outcome =
  | { readonly versionstamp: Binary }
  | { readonly failedChecks: readonly number[] };

export function readSnapshotRead(bytes: Uint8Array): ReadRange[] {
  return new Message(bytes).all(1).map((range) => ({
    start: range.binary(1),
    end: range.binary(2),
    limit: range.number(3),
    reverse: range.number(4) === 1,
  }));
}

export function readAtomicWrite(bytes: Uint8Array): AtomicWrite {
  const write = new Message(bytes);
  return {
    checks: write.all(1).map((check) => ({
      key: check.binary(1),
      versionstamp: check.binary(2),
    })),
    mutations: write.all(2).map((mutation) => {
      const [value] = mutation.all(2);
      return {
        key: mutation.binary(1),
        type: mutation.number(3),
        value: value?.bytes(1) ?? new Uint8Array(),
        encoding: value?.number(2) ?? 0,
        expiresAt: mutation.number(4),
      };
    }),
    enqueues: write.all(3).length,
  };
}

export function writeSnapshotReadOutput(
  ranges: readonly (readonly Entry[])[],
): Uint8Array<ArrayBuffer> {
  const outputs = ranges.map((entries) =>
    entries.map(({ key, value, encoding, versionstamp }) =>
      message([1, toBytes(key)], [2, value], [3, encoding], [4, toBytes(versionstamp)])
    )
  );
  return message(
    ...outputs.map((entries) =>
      [1, message(...entries.map((entry) => [1, entry] as const))] as const
    ),
    [4, 1], // It is strongly consistent.
    [8, 1], // It was a success.
  );
}

export function writeAtomicWriteOutput(outcome: Outcome): Uint8Array<ArrayBuffer> {
  return "versionstamp" in outcome
    ? message([1, 1], [2, toBytes(outcome.versionstamp)])
    : message([1, 2], ...outcome.failedChecks.map((index) => [4, index] as const));
}

export function toBytes(binary: Binary): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}

function toBinary(bytes: Uint8Array): Binary {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

const VARINT = 0;
const LENGTH_DELIMITED = 2;

/** The fields of one message: numbers and bytes, which is all that the protocol has. */
class Message {
  readonly #numbers = new Map<number, number>();
  readonly #bytes = new Map<number, Uint8Array[]>();

  constructor(bytes: Uint8Array) {
    let at = 0;
    const varint = () => {
      let value = 0n;
      for (let shift = 0n;; shift += 7n) {
        const byte = bytes[at++];
        if (byte === undefined) throw new RangeError("The message ends within a number");
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) return Number(BigInt.asIntN(64, value));
      }
    };
    while (at < bytes.length) {
      const tag = varint();
      const field = tag >>> 3;
      switch (tag & 7) {
        case VARINT:
          this.#numbers.set(field, varint());
          break;
        case LENGTH_DELIMITED: {
          const end = varint() + at;
          if (end > bytes.length) throw new RangeError("The message ends within a field");
          this.#bytes.set(field, [...this.#bytes.get(field) ?? [], bytes.subarray(at, end)]);
          at = end;
          break;
        }
        default:
          throw new TypeError(`The message has a field of an unknown kind: ${tag & 7}`);
      }
    }
  }

  number(field: number): number {
    return this.#numbers.get(field) ?? 0;
  }

  bytes(field: number): Uint8Array {
    return this.#bytes.get(field)?.at(-1) ?? new Uint8Array();
  }

  binary(field: number): Binary {
    return toBinary(this.bytes(field));
  }

  all(field: number): Message[] {
    return (this.#bytes.get(field) ?? []).map((bytes) => new Message(bytes));
  }
}

/** Writes a message of such fields. */
function message(
  ...fields: readonly (readonly [field: number, value: number | Uint8Array])[]
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (const [field, value] of fields) {
    if (typeof value === "number") {
      parts.push(varint(field << 3 | VARINT), varint(value));
    } else {
      parts.push(varint(field << 3 | LENGTH_DELIMITED), varint(value.length), value);
    }
  }
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push(value % 0x80 | 0x80);
  return Uint8Array.from([...bytes, value]);
}
