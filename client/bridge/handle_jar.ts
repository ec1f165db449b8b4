/**
 * The sessions that models name by their handles: the cookies, in a jar that outlives the bridge.
 *
 * @module
 */

import type { HeldCookie } from "../../protocol.ts";
import { Deadline } from "../deadline.ts";
import { messageOf } from "../failure.ts";
import { type Change, hasState, lost, takeOver, upToDate } from "../held.ts";
import type { CookieJar, JarEntry, JarKey } from "../jar.ts";
import { serverName } from "../jar_key.ts";
import { Keeper } from "../keeper.ts";
import { shortId } from "../printable.ts";
import type { Log } from "./log.ts";

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
export class HandleKeeper extends Keeper {
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
  constructor(handle: string, ...parts: ConstructorParameters<typeof Keeper>) {
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

  override apply(change: Change | undefined): void {
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
  readonly #keepers = new Map<string, HandleKeeper>();
  #filed = 0;

  /** Has none at hand at first. */
  constructor(parts: HandleJarParts) {
    this.#parts = parts;
    this.#prefix = parts.user === "" ? "handle:" : `handle:${parts.user}:`;
  }

  /**
   * The keeper of a session, for one request: to be given back by {@linkcode HandleJar.close}. Between
   * requests another bridge may change what the jar has, so it is read anew.
   *
   * @throws {Error} If the jar does not answer in time.
   */
  async open(handle: string): Promise<HandleKeeper> {
    const keeper = this.#atHand(handle);
    const isFirst = keeper.inFlight++ === 0;
    if (isFirst && keeper.isSaved) keeper.loading = keeper.load(this.#deadline(), true);
    try {
      await keeper.loading;
    } catch (error) {
      this.close(keeper);
      throw error;
    }
    return keeper;
  }

  /**
   * Whether this is a handle that the jar has.
   *
   * @throws {Error} If the jar does not answer in time.
   */
  async has(handle: unknown): Promise<boolean> {
    if (typeof handle !== "string" || handle === "") return false;
    const keeper = await this.open(handle);
    this.close(keeper);
    return keeper.isFiled;
  }

  /** Takes a keeper back. */
  close(keeper: HandleKeeper): void {
    keeper.inFlight--;
  }

  /** Files a cookie under its own id. Never rejects: a handle works without the jar, too. */
  async keep(cookie: HeldCookie): Promise<void> {
    try {
      const keeper = await this.open(cookie.id);
      const { cookie: held } = keeper;
      keeper.apply(takeOver(held, held.id, upToDate(held, undefined, cookie)));
      await this.saved(keeper);
      this.close(keeper);
      if (!keeper.isFiled && this.#filed++ % FILED_BETWEEN_TRIMS === 0) await this.#trim();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Takes out the cookie of a session that is gone. Never rejects. */
  async drop(keeper: HandleKeeper): Promise<void> {
    keeper.apply(lost(keeper.cookie));
    await this.saved(keeper);
  }

  /** Waits until the jar has what `keeper` holds, but not for ever. Never rejects. */
  async saved(keeper: HandleKeeper): Promise<void> {
    await this.#deadline().limit(keeper.flush()).catch((error) => this.#fail(error));
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
      .filter((entry) => serverName(entry.server) === serverName(server))
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

  #atHand(handle: string): HandleKeeper {
    const there = this.#keepers.get(handle);
    const keeper = there === undefined || there.isGone
      ? new HandleKeeper(handle, this.#parts.jar, this.#key(handle), {
        tell: () => this.#parts.log("info", `session ${shortId(handle)}… is gone`),
        fail: (error) => this.#fail(error),
      })
      : there;
    this.#keepers.delete(handle);
    const excess = this.#keepers.size + 1 - MAX_AT_HAND;
    const idle = this.#keepers.values().filter((each) => each.inFlight === 0 && each.isSaved);
    for (const each of idle.take(Math.max(0, excess))) this.#keepers.delete(each.handle);
    this.#keepers.set(handle, keeper);
    return keeper;
  }

  #deadline(): Deadline {
    return new Deadline(JAR_MS, this.#parts.signal);
  }

  #fail(error: unknown): void {
    this.#parts.log("warn", `the cookie jar: ${messageOf(error)}`);
  }
}
