/**
 * How much a server takes on at once: past that a request is sent away before it costs anything, so
 * that what was accepted is answered.
 *
 * @module
 */

/** What an HTTP server takes on at the most. */
export interface RequestLimits {
  /**
   * How many requests may be without their answer, in all. One that is cancelled counts no more, even
   * if its tool does not heed that. @default 1024
   */
  readonly requests: number;
  /** How many of them may be one principal's; nobody's are limited in all alone. @default 256 */
  readonly requestsPerOwner: number;
  /** How large the bodies of them may be together, in bytes. @default 64 MiB */
  readonly bodyBytes: number;
  /** How large those of one principal may be together, in bytes. @default 16 MiB */
  readonly bodyBytesPerOwner: number;
  /**
   * How large the answers may be together that wait for somebody to read them, in bytes. Small ones
   * are not counted, and one may always wait, however large. @default 128 MiB
   */
  readonly answerBytes: number;
  /** How large those for one principal may be together, in bytes. @default 32 MiB */
  readonly answerBytesPerOwner: number;
  /**
   * How long a body may take to come in, in milliseconds; after twice that at the latest it is given
   * up. @default 10 seconds
   */
  readonly bodyMs: number;
  /**
   * How long a large answer may wait without any of it being taken, in milliseconds; after twice that
   * at the latest it is given up. The system takes megabytes at once for a reader, who may need a
   * minute for them. @default 5 minutes
   */
  readonly answerMs: number;
}

const MIB = 1024 * 1024;

const DEFAULT_LIMITS: RequestLimits = {
  requests: 1024,
  requestsPerOwner: 256,
  bodyBytes: 64 * MIB,
  bodyBytesPerOwner: 16 * MIB,
  answerBytes: 128 * MIB,
  answerBytesPerOwner: 32 * MIB,
  bodyMs: 10_000,
  answerMs: 5 * 60 * 1000,
};

/**
 * Fills in the limits that are not given.
 *
 * @throws {RangeError} if a limit is no number that is more than 0.
 */
export function requestLimits(limits: Partial<RequestLimits> = {}): RequestLimits {
  const checked = { ...DEFAULT_LIMITS, ...limits };
  for (const [name, limit] of Object.entries(checked)) {
    if ((typeof limit === "number" && limit > 0) || !(name in DEFAULT_LIMITS)) continue;
    throw new RangeError(
      `Cannot limit requests as ${name} must be more than 0: current value is ${limit}`,
    );
  }
  return checked;
}

/** What is under way for one principal, or for all together, and how much of it may be. */
class Share {
  readonly #most: Pick<RequestLimits, "requests" | "bodyBytes" | "answerBytes">;
  #requests = 0;
  #bodyBytes = 0;
  #answerBytes = 0;

  constructor(most: Pick<RequestLimits, "requests" | "bodyBytes" | "answerBytes">) {
    this.#most = most;
  }

  get isEmpty(): boolean {
    return this.#requests === 0;
  }

  takesRequest(): boolean {
    return this.#requests < this.#most.requests;
  }

  takesBody(bytes: number): boolean {
    return this.#bodyBytes + bytes <= this.#most.bodyBytes;
  }

  takesAnswer(bytes: number): boolean {
    // However large, one is answered: to refuse it again and again would help nobody.
    return this.#answerBytes === 0 || this.#answerBytes + bytes <= this.#most.answerBytes;
  }

  /** Adds what has come, or takes off what has gone. */
  add(requests: number, bodyBytes: number, answerBytes: number): void {
    this.#requests += requests;
    this.#bodyBytes += bodyBytes;
    this.#answerBytes += answerBytes;
  }
}

/** The requests that are under way. */
export class Load {
  readonly #limits: RequestLimits;
  readonly #all: Share;
  readonly #nobodys: readonly Share[];
  readonly #ofOwner = new Map<string, Share>();

  /** Takes limits that were checked. */
  constructor(limits: RequestLimits) {
    this.#limits = limits;
    this.#all = new Share(limits);
    this.#nobodys = [this.#all];
  }

  /** Takes on a request, or gives `undefined` if that is one too many. */
  take(owner: string | null): Ticket | undefined {
    if (!this.#all.takesRequest()) return undefined;
    if (owner === null) return new Ticket(this.#nobodys);
    const own = this.#ofOwner.get(owner) ?? this.#newShare();
    if (!own.takesRequest()) return undefined;
    this.#ofOwner.set(owner, own);
    return new Ticket([this.#all, own], () => {
      if (own.isEmpty) this.#ofOwner.delete(owner);
    });
  }

  #newShare(): Share {
    const { requestsPerOwner, bodyBytesPerOwner, answerBytesPerOwner } = this.#limits;
    return new Share({
      requests: requestsPerOwner,
      bodyBytes: bodyBytesPerOwner,
      answerBytes: answerBytesPerOwner,
    });
  }
}

/** One request's part of the load. */
export class Ticket {
  readonly #shares: readonly Share[];
  readonly #onend: (() => void) | undefined;
  #bodyBytes = 0;
  #answerBytes = 0;
  #ended = false;

  /** Made by {@linkcode Load.take}. */
  constructor(shares: readonly Share[], onend?: () => void) {
    this.#shares = shares;
    this.#onend = onend;
    for (const share of shares) share.add(1, 0, 0);
  }

  /** Adds to what the request's body holds in memory; `false` if that is too much. */
  holdBody(bytes: number): boolean {
    // A body that was given up may still be on its way.
    if (this.#ended || !this.#shares.every((share) => share.takesBody(bytes))) return false;
    this.#bodyBytes += bytes;
    for (const share of this.#shares) share.add(0, bytes, 0);
    return true;
  }

  /** Adds to what of the answer waits to be read; `false` if that is too much. */
  holdAnswer(bytes: number): boolean {
    if (this.#ended || !this.#shares.every((share) => share.takesAnswer(bytes))) return false;
    this.#answerBytes += bytes;
    for (const share of this.#shares) share.add(0, 0, bytes);
    return true;
  }

  /** Ends the request's part. Ending it twice is harmless. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const share of this.#shares) share.add(-1, -this.#bodyBytes, -this.#answerBytes);
    this.#onend?.();
  }
}
