/**
 * The jar of handles: the cookies of sessions that models name, which outlive the bridge.
 *
 * @module
 */

import { shortId } from "../../runtime/redaction.ts";
import { messageOf } from "../../runtime/errors.ts";
import type { HeldCookie } from "../../protocol/cookie.ts";
import { Deadline } from "../../runtime/deadline.ts";
import {
  type CookieChange,
  hasState,
  lost,
  mergeConcurrent,
  takeOver,
} from "../session/cookie_rules.ts";
import type { CookieJar, JarEntry, JarKey } from "../jar/cookie_jar.ts";
import { serverKey } from "../jar/server_key.ts";
import { CookieSlot } from "../session/cookie_slot.ts";
import { IdleCache } from "./idle_cache.ts";
import type { Log } from "../../runtime/log.ts";

const JAR_MS = 5_000;
/** Handles that are kept in the jar for a server: some make one for each call that names none. */
const MAX_FILED = 1000;
/** New handles between two trims: a trim reads the whole jar. */
const FILED_BETWEEN_TRIMS = 100;

/** A jar that lists its cookies. */
export interface ListingJar extends CookieJar {
  /** All cookies, in the order in which they were first filed. */
  list(): Promise<JarEntry[]>;
}

export interface HandleJarOptions {
  readonly jar: ListingJar;
  /** The server's name in the jar. */
  readonly server: string;
  /** Tells apart users of one server who share the jar; empty without authentication. */
  readonly user: string;
  readonly log: Log;
  /** Ends every wait early. */
  readonly signal: AbortSignal;
}

/**
 * Holds the cookie of the session that a handle names, and never another session's: once that is
 * gone, it keeps the last cookie, and neither files nor takes over any.
 */
export class HandleSlot extends CookieSlot {
  override readonly isPinned = true;
  readonly handle: string;
  /** The number of pending requests that use this slot. */
  inFlight = 0;
  /** Settles when the jar has been read. */
  loading: Promise<unknown> = Promise.resolve();
  /** Whether the jar had a cookie when it was read. */
  isFiled = false;
  /** Whether the session is known to be gone. */
  isGone = false;
  #cookie: HeldCookie;

  /** Holds the id alone at first, which is a complete cookie. */
  constructor(handle: string, ...parts: ConstructorParameters<typeof CookieSlot>) {
    super(...parts);
    this.handle = handle;
    this.#cookie = { id: handle };
  }

  override get cookie(): HeldCookie {
    return this.#cookie;
  }

  /** Whether the jar has all there is to it. */
  get isIdle(): boolean {
    return this.inFlight === 0 && this.isSaved;
  }

  override async load(deadline: Deadline, mustAnswer: boolean): Promise<HeldCookie | undefined> {
    const filed = await super.load(deadline, mustAnswer);
    this.isFiled = filed !== undefined;
    // Without the jar's copy, the held cookie may be the only one with the session's state.
    if (filed !== undefined) this.#cookie = filed;
    return filed;
  }

  override apply(change: CookieChange | undefined): void {
    if (change === undefined || this.isGone) return;
    const { cookie, events } = change;
    this.isGone = cookie?.id !== this.handle;
    if (cookie !== undefined && !this.isGone) this.#cookie = cookie;
    super.apply({ cookie: this.isGone ? undefined : cookie, events });
  }
}

export class HandleJar {
  readonly #options: HandleJarOptions;
  readonly #prefix: string;
  readonly #slots = new IdleCache<HandleSlot>();
  #filed = 0;

  constructor(options: HandleJarOptions) {
    this.#options = options;
    this.#prefix = options.user === "" ? "handle:" : `handle:${options.user}:`;
  }

  /**
   * The slot of a handle, for one request, until {@linkcode HandleJar.close}. The first of concurrent
   * requests reads the jar, which another bridge may have changed.
   *
   * @throws {Error} If the jar does not answer in time.
   */
  async open(handle: string): Promise<HandleSlot> {
    const slot = this.#slotOf(handle);
    const isFirst = slot.inFlight++ === 0;
    if (isFirst && slot.isSaved) slot.loading = slot.load(this.#deadline(), true);
    try {
      await slot.loading;
    } catch (error) {
      this.close(slot);
      throw error;
    }
    return slot;
  }

  /**
   * Whether the jar has this handle.
   *
   * @throws {Error} If the jar does not answer in time.
   */
  async has(handle: unknown): Promise<boolean> {
    if (typeof handle !== "string" || handle === "") return false;
    const slot = await this.open(handle);
    this.close(slot);
    return slot.isFiled;
  }

  close(slot: HandleSlot): void {
    slot.inFlight--;
  }

  /** Files a cookie under its own id. Never rejects, as a handle works without the jar, too. */
  async keep(cookie: HeldCookie): Promise<void> {
    try {
      const slot = await this.open(cookie.id);
      const { cookie: held } = slot;
      slot.apply(takeOver(held, held.id, mergeConcurrent(held, undefined, cookie)));
      await this.saved(slot);
      this.close(slot);
      if (!slot.isFiled && this.#filed++ % FILED_BETWEEN_TRIMS === 0) await this.#trim();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Removes the cookie of a session that is gone. Never rejects. */
  async drop(slot: HandleSlot): Promise<void> {
    slot.apply(lost(slot.cookie));
    await this.saved(slot);
  }

  /** Waits, within the deadline, until the jar has the cookie of `slot`. Never rejects. */
  async saved(slot: HandleSlot): Promise<void> {
    await this.#deadline().limit(slot.flush()).catch((error) => this.#fail(error));
  }

  /**
   * The cookies in the jar, oldest first.
   *
   * @throws {Error} If the jar does not answer in time.
   */
  async list(): Promise<HeldCookie[]> {
    const { jar, server } = this.#options;
    const entries = await this.#deadline().limit(jar.list());
    return entries
      .filter((entry) => serverKey(entry.server) === serverKey(server))
      .filter(({ profile, cookie }) => profile === this.#prefix + cookie.id)
      .map(({ cookie }) => cookie);
  }

  /** Removes the oldest cookies without state: there the id, which the model has, is enough. */
  async #trim(): Promise<void> {
    const { jar } = this.#options;
    const oldest = (await this.list()).slice(0, -MAX_FILED).filter((cookie) => !hasState(cookie));
    for (const { id } of oldest) await this.#deadline().limit(jar.delete(this.#key(id), id));
  }

  #key(handle: string): JarKey {
    return { server: this.#options.server, profile: this.#prefix + handle };
  }

  #slotOf(handle: string): HandleSlot {
    const cached = this.#slots.get(handle);
    const slot = cached === undefined || cached.isGone
      ? new HandleSlot(handle, this.#options.jar, this.#key(handle), {
        onevent: () => this.#options.log("info", `session ${shortId(handle)}… is gone`),
        onerror: (error) => this.#fail(error),
      })
      : cached;
    this.#slots.set(handle, slot);
    return slot;
  }

  #deadline(): Deadline {
    return new Deadline(JAR_MS, this.#options.signal);
  }

  #fail(error: unknown): void {
    this.#options.log("warn", `the cookie jar: ${messageOf(error)}`);
  }
}
