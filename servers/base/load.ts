/**
 * How much a server takes on at once: past that a request is sent away before it costs anything, so
 * that what was accepted is answered.
 *
 * @module
 */

/** What an HTTP server takes on at the most. */
export interface RequestLimits {
  /** How many requests may be without their answer, in all. @default 1024 */
  readonly requests: number;
  /** How many of them may be one principal's; nobody's are limited in all alone. @default 256 */
  readonly requestsPerOwner: number;
  /** How large the bodies of them may be together, in bytes. @default 64 MiB */
  readonly bodyBytes: number;
  /**
   * How long a body may take to come in, in milliseconds; after twice that at the latest it is given
   * up. @default 10 seconds
   */
  readonly bodyMs: number;
}

const DEFAULT_LIMITS: RequestLimits = {
  requests: 1024,
  requestsPerOwner: 256,
  bodyBytes: 64 * 1024 * 1024,
  bodyMs: 10_000,
};

/**
 * Fills in the limits that are not given.
 *
 * @throws {RangeError} if a limit is not more than 0.
 */
export function requestLimits(limits: Partial<RequestLimits> = {}): RequestLimits {
  const { requests, requestsPerOwner, bodyBytes, bodyMs } = { ...DEFAULT_LIMITS, ...limits };
  const checked = { requests, requestsPerOwner, bodyBytes, bodyMs };
  for (const [name, limit] of Object.entries(checked)) {
    if (limit > 0) continue;
    throw new RangeError(
      `Cannot limit requests as ${name} must be more than 0: current value is ${limit}`,
    );
  }
  return checked;
}

/** The requests that are under way. */
export class Load {
  readonly #limits: RequestLimits;
  readonly #ofOwner = new Map<string, number>();
  #requests = 0;
  #bodyBytes = 0;

  /** Takes limits that were checked. */
  constructor(limits: RequestLimits) {
    this.#limits = limits;
  }

  /** Takes on a request, or gives `undefined` if that is one too many. */
  take(owner: string | null): Ticket | undefined {
    if (this.#requests >= this.#limits.requests) return undefined;
    if (owner !== null) {
      const before = this.#ofOwner.get(owner) ?? 0;
      if (before >= this.#limits.requestsPerOwner) return undefined;
      this.#ofOwner.set(owner, before + 1);
    }
    this.#requests++;
    return new Ticket(this, owner);
  }

  /** Adds to the bodies that are held; `false` if they would be too much. */
  hold(bytes: number): boolean {
    if (this.#bodyBytes + bytes > this.#limits.bodyBytes) return false;
    this.#bodyBytes += bytes;
    return true;
  }

  /** Takes a request of this owner, with so much of a body, off again. */
  release(owner: string | null, bodyBytes: number): void {
    this.#requests--;
    this.#bodyBytes -= bodyBytes;
    if (owner === null) return;
    const left = (this.#ofOwner.get(owner) ?? 0) - 1;
    if (left > 0) this.#ofOwner.set(owner, left);
    else this.#ofOwner.delete(owner);
  }
}

/** One request's part of the load. */
export class Ticket {
  readonly #load: Load;
  readonly #owner: string | null;
  #bodyBytes = 0;
  #ended = false;

  /** Made by {@linkcode Load.take}. */
  constructor(load: Load, owner: string | null) {
    this.#load = load;
    this.#owner = owner;
  }

  /** Adds to what the request holds in memory; `false` if that is too much for the server. */
  hold(bytes: number): boolean {
    // A body that was given up may still be on its way.
    if (this.#ended || !this.#load.hold(bytes)) return false;
    this.#bodyBytes += bytes;
    return true;
  }

  /** Ends the request's part. Ending it twice is harmless. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#load.release(this.#owner, this.#bodyBytes);
  }
}
