/**
 * The quota of HTTP requests, in all and per principal. A request over it is refused before it costs
 * anything, so that every accepted request gets its response.
 *
 * @module
 */

/** Limits of an HTTP server. */
export interface RequestLimits {
  /**
   * Concurrent requests in all. A cancelled request counts no more, even if its tool goes on, and an
   * open subscription does not count.
   * @default 1024
   */
  readonly requests: number;
  /** Concurrent requests per principal. Anonymous requests count only in all. @default 256 */
  readonly requestsPerOwner: number;
  /** Bytes of the bodies of all concurrent requests. @default 64 MiB */
  readonly bodyBytes: number;
  /** Bytes of the bodies of one principal's concurrent requests. @default 16 MiB */
  readonly bodyBytesPerOwner: number;
  /**
   * Bytes of all large responses that wait to be read. Small responses do not count, and one large
   * response may always wait, whatever its size. @default 128 MiB
   */
  readonly answerBytes: number;
  /** Bytes of one principal's large responses that wait to be read. @default 32 MiB */
  readonly answerBytesPerOwner: number;
  /** Time limit of a body, in milliseconds, enforced after twice that at most. @default 10 seconds */
  readonly bodyMs: number;
  /**
   * Time limit between two reads of a large response, in milliseconds, enforced after twice that at
   * most. The system takes megabytes at once for a client, who may need a minute for them.
   * @default 5 minutes
   */
  readonly answerMs: number;
}

type ScopeLimits = Pick<RequestLimits, "requests" | "bodyBytes" | "answerBytes">;

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
 * Completes limits with the defaults.
 *
 * @throws {RangeError} if a limit is not a number above 0.
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

/** The quota of one principal, or of all together, and its usage. */
class QuotaScope {
  readonly #limits: ScopeLimits;
  #requests = 0;
  #bodyBytes = 0;
  #answerBytes = 0;

  constructor(limits: ScopeLimits) {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#requests === 0;
  }

  allowsRequest(): boolean {
    return this.#requests < this.#limits.requests;
  }

  allowsBody(bytes: number): boolean {
    return this.#bodyBytes + bytes <= this.#limits.bodyBytes;
  }

  allowsResponse(bytes: number): boolean {
    // One response is always allowed, as a retry would be as large.
    return this.#answerBytes === 0 || this.#answerBytes + bytes <= this.#limits.answerBytes;
  }

  add(requests: number, bodyBytes: number, answerBytes: number): void {
    this.#requests += requests;
    this.#bodyBytes += bodyBytes;
    this.#answerBytes += answerBytes;
  }
}

export class RequestQuota {
  readonly #limits: RequestLimits;
  readonly #total: QuotaScope;
  readonly #anonymous: readonly QuotaScope[];
  readonly #byOwner = new Map<string, QuotaScope>();

  constructor(limits: RequestLimits) {
    this.#limits = limits;
    this.#total = new QuotaScope(limits);
    this.#anonymous = [this.#total];
  }

  /** Leases the quota of one request, `undefined` if there is none left. */
  acquire(owner: string | null): Lease | undefined {
    if (!this.#total.allowsRequest()) return undefined;
    if (owner === null) return new Lease(this.#anonymous);
    const { requestsPerOwner, bodyBytesPerOwner, answerBytesPerOwner } = this.#limits;
    const own = this.#byOwner.get(owner) ?? new QuotaScope({
      requests: requestsPerOwner,
      bodyBytes: bodyBytesPerOwner,
      answerBytes: answerBytesPerOwner,
    });
    if (!own.allowsRequest()) return undefined;
    this.#byOwner.set(owner, own);
    return new Lease([this.#total, own], () => {
      if (own.isEmpty) this.#byOwner.delete(owner);
    });
  }
}

/** The quota that one request holds, until released. */
export class Lease {
  readonly #scopes: readonly QuotaScope[];
  readonly #onrelease: (() => void) | undefined;
  #bodyBytes = 0;
  #answerBytes = 0;
  #isReleased = false;

  constructor(scopes: readonly QuotaScope[], onrelease?: () => void) {
    this.#scopes = scopes;
    this.#onrelease = onrelease;
    for (const scope of scopes) scope.add(1, 0, 0);
  }

  /** Reserves more bytes for the request's body; `false` if over the quota. */
  reserveBody(bytes: number): boolean {
    // An abandoned body may still be coming in.
    if (this.#isReleased || !this.#scopes.every((scope) => scope.allowsBody(bytes))) return false;
    this.#bodyBytes += bytes;
    for (const scope of this.#scopes) scope.add(0, bytes, 0);
    return true;
  }

  /** Reserves bytes for a response that waits to be read; `false` if over the quota. */
  reserveResponse(bytes: number): boolean {
    if (this.#isReleased || !this.#scopes.every((scope) => scope.allowsResponse(bytes))) {
      return false;
    }
    this.#answerBytes += bytes;
    for (const scope of this.#scopes) scope.add(0, 0, bytes);
    return true;
  }

  /** Gives the quota back; idempotent. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    for (const scope of this.#scopes) scope.add(-1, -this.#bodyBytes, -this.#answerBytes);
    this.#onrelease?.();
  }
}
