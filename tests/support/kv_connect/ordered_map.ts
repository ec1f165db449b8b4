/**
 * Storage of a KV Connect endpoint: an ordered map of versioned entries, with the limits of `denokv`.
 */
import type { AtomicWrite, Binary, Entry, Mutation, Outcome, ReadRange } from "./proto.ts";

const MAX_READ_RANGES = 10;
const MAX_READ_ENTRIES = 1000;
const MAX_CHECKS = 10;
const MAX_MUTATIONS = 1000;
const MAX_KEY_BYTES = 2048;
const MAX_VALUE_BYTES = 65536;
const MAX_WRITE_BYTES = 819200;

const SET = 1;
const DELETE = 2;
const SUM = 3;
const MAX = 4;
const MIN = 5;
const LE64 = 2;

/** Answered with status 400. */
export class BadRequest extends Error {}

/** Entries in the order of their keys' bytes. */
export class VersionedMap {
  readonly #entries: Entry[] = [];
  #version = 0n;

  /** Entries in each range, from one snapshot. */
  read(ranges: readonly ReadRange[]): Entry[][] {
    check(ranges.length <= MAX_READ_RANGES, "Too many read ranges requested in one read request.");
    check(ranges.every(({ limit }) => limit > 0), "The read range limit is invalid.");
    check(
      ranges.reduce((sum, { limit }) => sum + limit, 0) <= MAX_READ_ENTRIES,
      "The total number of entries requested is too large.",
    );
    for (const { start, end } of ranges) {
      check(Math.max(start.length, end.length) <= MAX_KEY_BYTES + 1, "A key is too long.");
    }
    return ranges.map(({ start, end, limit, reverse }) => {
      const found = this.#entries.slice(this.#indexOf(start), this.#indexOf(end));
      return (reverse ? found.reverse() : found).slice(0, limit);
    });
  }

  /** Commits a write atomically. */
  write({ checks, mutations, enqueues }: AtomicWrite): Outcome {
    check(enqueues === 0, "This endpoint has no queues.");
    check(checks.length <= MAX_CHECKS, "Too many checks included in atomic write.");
    check(mutations.length <= MAX_MUTATIONS, "Too many mutations included in atomic write.");
    let bytes = checks.reduce((sum, { key }) => sum + key.length, 0);
    for (const { key, value } of mutations) {
      check(key.length <= MAX_KEY_BYTES, "A key exceeds the key size limit.");
      check(value.length <= MAX_VALUE_BYTES, "A value exceeds the value size limit.");
      bytes += key.length + value.length;
    }
    check(bytes <= MAX_WRITE_BYTES, "The total size of the atomic write is too large.");

    const failedChecks = [...checks.keys()].filter((index) => {
      const { key, versionstamp } = checks[index]!;
      return (this.#find(key)?.versionstamp ?? "") !== versionstamp;
    });
    if (failedChecks.length > 0) return { failedChecks };
    // Computed before anything changes, as one of them may be refused.
    const made = new Map<Binary, Omit<Entry, "versionstamp"> | undefined>();
    for (const mutation of mutations) {
      const before = made.has(mutation.key) ? made.get(mutation.key) : this.#find(mutation.key);
      made.set(mutation.key, mutate(before, mutation));
    }
    const versionstamp = String.fromCharCode(...bigEndian(++this.#version), 0, 0);
    for (const [key, entry] of made) {
      const index = this.#indexOf(key);
      const existing = this.#entries[index]?.key === key ? 1 : 0;
      this.#entries.splice(index, existing, ...entry ? [{ ...entry, versionstamp }] : []);
    }
    return { versionstamp };
  }

  #find(key: Binary): Entry | undefined {
    const entry = this.#entries[this.#indexOf(key)];
    return entry?.key === key ? entry : undefined;
  }

  /** Index of the first key that is not before this one. */
  #indexOf(key: Binary): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#entries[middle]!.key < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function mutate(
  before: Omit<Entry, "versionstamp"> | undefined,
  { key, type, value, encoding, expiresAt }: Mutation,
): Omit<Entry, "versionstamp"> | undefined {
  check(expiresAt === 0, "This endpoint does not expire keys.");
  switch (type) {
    case SET:
      return { key, value: value.slice(), encoding };
    case DELETE:
      return undefined;
    case SUM:
    case MAX:
    case MIN: {
      check(encoding === LE64, "The operand is no 64-bit number.");
      check((before?.encoding ?? LE64) === LE64, "What is stored is no 64-bit number.");
      const b = littleEndian(value);
      const a = before === undefined ? undefined : littleEndian(before.value);
      const result = a === undefined
        ? b
        : type === SUM
        ? a + b
        : (type === MAX) === (a > b)
        ? a
        : b;
      return { key, value: bigEndian(result).reverse(), encoding };
    }
    default:
      throw new BadRequest(`This endpoint does not do mutations of type ${type}.`);
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigUint64(0, true);
}

function bigEndian(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}

function check(holds: boolean, message: string) {
  if (!holds) throw new BadRequest(message);
}
