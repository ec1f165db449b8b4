/**
 * The sessions that models name by their handles: the cookies, in a jar that outlives the bridge.
 *
 * @module
 */

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
import { shortId } from "../../runtime/redaction.ts";
import type { Log } from "../../runtime/log.ts";

/** How long the jar may take. */
const JAR_MS = 5_000;
/** How many sessions are at hand; the jar has the others. */
const MAX_AT_HAND = 1000;
/** How many a server has in the jar: some servers make one for each call that names none. */
const MAX_FILED = 1000;
/** How many are filed from one look for too many to the next: a look reads all that the jar has. */
const FILED_BETWEEN_TRIMS = 100;

/** A jar that tells what is in it. */
export interface ListingJar extends CookieJar {
  /** All cookies, in the order in which they were first filed. */
  list(): Promise<JarEntry[]>;
}

/** What a handle jar is made of. */
export interface HandleJarParts {
  readonly jar: ListingJar;
  /** What the jar files the server's cookies under. */
  readonly server: string;
  /** Tells apart the users of one server who share the jar; empty for a server that does not ask. */
  readonly user: string;
  readonly log: Log;
  /** Ends all waiting early. */
  readonly signal: AbortSignal;
}

/**
 * Holds the cookie of the session that a handle names, and never another session's: with the
 * session gone it holds the last cookie, but files none and takes none over any more.
 */
export class HandleSlot extends CookieSlot {
  override readonly isPinned = true;
  /** The session's id. */
  readonly handle: string;
  /** Requests that use it and have not been answered. */
  inFlight = 0;
  /** Settles when the jar has been read. */
  loading: Promise<unknown> = Promise.resolve();
  #cookie: HeldCookie;
  #isFiled = false;
  #isGone = false;

  /** Holds the id alone, which is a complete cookie. */
  constructor(handle: string, ...parts: ConstructorParameters<typeof CookieSlot>) {
    super(...parts);
    this.handle = handle;
    this.#cookie = { id: handle };
  }

  override get cookie(): HeldCookie {
    return this.#cookie;
  }

  /** Whether the jar had a cookie when it was read. */
  get isFiled(): boolean {
    return this.#isFiled;
  }

  /** Whether the session has turned out to be gone. */
  get isGone(): boolean {
    return this.#isGone;
  }

  override async load(deadline: Deadline, mustAnswer: boolean): Promise<HeldCookie | undefined> {
    const filed = await super.load(deadline, mustAnswer);
    this.#isFiled = filed !== undefined;
    // If somebody has taken the jar away, what is held may be all that there is of the state.
    if (filed !== undefined) this.#cookie = filed;
    return filed;
  }

  override apply(change: CookieChange | undefined): void {
    if (change === undefined || this.#isGone) return;
    const { cookie, events } = change;
    this.#isGone = cookie?.id !== this.handle;
    if (cookie !== undefined && !this.#isGone) this.#cookie = cookie;
    super.apply({ cookie: this.#isGone ? undefined : cookie, events });
  }
}

/** The sessions of one server that have been named to models. */
export class HandleJar {
  readonly #parts: HandleJarParts;
  readonly #prefix: string;
  /** Those that were used last come last. */
  readonly #slots = new Map<string, HandleSlot>();
  #filed = 0;

  /** Has none at hand at first. */
  constructor(parts: HandleJarParts) {
    this.#parts = parts;
    this.#prefix = parts.user === "" ? "handle:" : `handle:${parts.user}:`;
  }

  /**
   * The slot of a session, for one request: to be given back by {@linkcode HandleJar.close}. Between
   * requests another bridge may change what the jar has, so it is read anew.
   *
   * @throws {Error} If the jar does not answer in time.
   */
  async open(handle: string): Promise<HandleSlot> {
    const slot = this.#atHand(handle);
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
   * Whether this is a handle that the jar has.
   *
   * @throws {Error} If the jar does not answer in time.
   */
  async has(handle: unknown): Promise<boolean> {
    if (typeof handle !== "string" || handle === "") return false;
    const slot = await this.open(handle);
    this.close(slot);
    return slot.isFiled;
  }

  /** Takes a slot back. */
  close(slot: HandleSlot): void {
    slot.inFlight--;
  }

  /** Files a cookie under its own id. Never rejects: a handle works without the jar, too. */
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

  /** Takes out the cookie of a session that is gone. Never rejects. */
  async drop(slot: HandleSlot): Promise<void> {
    slot.apply(lost(slot.cookie));
    await this.saved(slot);
  }

  /** Waits until the jar has what `slot` holds, but not for ever. Never rejects. */
  async saved(slot: HandleSlot): Promise<void> {
    await this.#deadline().limit(slot.flush()).catch((error) => this.#fail(error));
  }

  /**
   * The cookies in the jar, oldest first.
   *
   * @throws {Error} If the jar does not answer in time.
   */
  async list(): Promise<HeldCookie[]> {
    const { jar, server } = this.#parts;
    const entries = await this.#deadline().limit(jar.list());
    return entries
      .filter((entry) => serverKey(entry.server) === serverKey(server))
      .filter(({ profile, cookie }) => profile === this.#prefix + cookie.id)
      .map(({ cookie }) => cookie);
  }

  /** Takes out the oldest that are not missed: without state in the cookie, the id alone will do. */
  async #trim(): Promise<void> {
    const { jar } = this.#parts;
    const oldest = (await this.list()).slice(0, -MAX_FILED).filter((cookie) => !hasState(cookie));
    for (const { id } of oldest) await this.#deadline().limit(jar.delete(this.#key(id), id));
  }

  #key(handle: string): JarKey {
    return { server: this.#parts.server, profile: this.#prefix + handle };
  }

  #atHand(handle: string): HandleSlot {
    const there = this.#slots.get(handle);
    const slot = there === undefined || there.isGone
      ? new HandleSlot(handle, this.#parts.jar, this.#key(handle), {
        onevent: () => this.#parts.log("info", `session ${shortId(handle)}… is gone`),
        onerror: (error) => this.#fail(error),
      })
      : there;
    this.#slots.delete(handle);
    const excess = this.#slots.size + 1 - MAX_AT_HAND;
    const idle = this.#slots.values().filter((each) => each.inFlight === 0 && each.isSaved);
    for (const each of idle.take(Math.max(0, excess))) this.#slots.delete(each.handle);
    this.#slots.set(handle, slot);
    return slot;
  }

  #deadline(): Deadline {
    return new Deadline(JAR_MS, this.#parts.signal);
  }

  #fail(error: unknown): void {
    this.#parts.log("warn", `the cookie jar: ${messageOf(error)}`);
  }
}
