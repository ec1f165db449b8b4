/**
 * Seeded randomness for tests that drive live processes: the siege, the soak, kills and power cuts.
 * Such a run cannot be shrunk, so a failure prints its seed. Everything else uses fast-check.
 */

/** Numbers that follow from a seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A number from 0 to 1, without 1. */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  }

  /** A whole number below `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  /** `true` with this probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of these. */
  pick<T>(from: readonly T[]): T {
    for (const picked of from.slice(this.below(from.length))) return picked;
    throw new RangeError("Cannot pick one as there are none");
  }

  /** Any bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  /** Lowercase hex digits. */
  hex(length: number): string {
    return Array.from({ length }, () => this.below(16).toString(16)).join("");
  }
}

/** The seed in the environment variable `TEST_SEED`, else a new one, which a failure must print. */
export function testSeed(): number {
  const given = Number(Deno.env.get("TEST_SEED") || NaN);
  return Number.isSafeInteger(given) ? given : Math.floor(Math.random() * 2 ** 31);
}
