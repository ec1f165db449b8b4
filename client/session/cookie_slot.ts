/**
 * What a client holds, its copy in the jar, and who is told about it.
 *
 * @module
 */

import { type HeldCookie, heldCookie } from "../../protocol/cookie.ts";
import type { Deadline } from "../../runtime/deadline.ts";
import type { SessionEvent } from "./events.ts";
import { type Change, resumed } from "./cookie_rules.ts";
import type { CookieJar, JarKey } from "../jar/cookie_jar.ts";

/** Holds one cookie. Every change goes to the jar, in order, and then to the listener. */
export class CookieSlot {
  /** Whether its session is the caller's own choice, so that none is ever made in its place. */
  readonly isPinned: boolean = false;
  readonly #jar: CookieJar;
  readonly #key: JarKey;
  readonly #tell: (event: SessionEvent) => void;
  readonly #fail: (error: unknown) => void;
  #cookie: HeldCookie | undefined;
  #saving: Promise<void> = Promise.resolve();
  #changes = 0;
  /** The last change that the jar has. */
  #saved = 0;
  /** Has the jar failed to answer? Then nobody knows what is in it. */
  #unreadable = false;
  /** The session that was lost last: a jar that could not let go of it must not bring it back. */
  #gone: string | undefined;

  /** Holds nothing at first. `fail` hears of a jar that fails and of a listener that throws. */
  constructor(
    jar: CookieJar,
    key: JarKey,
    { tell, fail }: { tell: (event: SessionEvent) => void; fail: (error: unknown) => void },
  ) {
    this.#jar = jar;
    this.#key = key;
    this.#tell = tell;
    this.#fail = fail;
  }

  /** The held cookie. */
  get cookie(): HeldCookie | undefined {
    return this.#cookie;
  }

  /** Has the jar what is held? */
  get isSaved(): boolean {
    return this.#saved === this.#changes;
  }

  /**
   * Holds what the jar has for this server and profile, and tells nobody yet. A jar that has failed
   * is asked again only if it `mustAnswer`, for everything would wait for it.
   */
  async load(deadline: Deadline, mustAnswer: boolean): Promise<HeldCookie | undefined> {
    if (this.#unreadable && !mustAnswer) return undefined;
    this.#unreadable = true;
    // What was lost before is on its way out of the jar.
    await deadline.limit(this.flush());
    const saved = heldCookie(await deadline.limit(this.#jar.get(this.#key)));
    this.#unreadable = false;
    this.#cookie = saved?.id === this.#gone ? undefined : saved;
    return this.#cookie;
  }

  /**
   * Holds the session that `change` begins, or the one that another process has filed before it.
   *
   * @returns Is it the one that begins?
   */
  async begin(
    change: Change & { readonly cookie: HeldCookie },
    deadline: Deadline,
  ): Promise<boolean> {
    let kept = change.cookie;
    try {
      await deadline.limit(this.flush());
      if (!this.#unreadable) kept = await deadline.limit(this.#jar.add(this.#key, kept));
      if (kept.id === this.#gone) {
        kept = change.cookie;
        await deadline.limit(this.#jar.set(this.#key, kept));
      }
    } catch (error) {
      // It can be used all the same, but not found again.
      this.#changes++;
      this.#fail(error);
    }
    const isNew = kept.id === change.cookie.id;
    this.#take(isNew ? change : resumed(kept, false));
    return isNew;
  }

  /** Makes a change, if there is one. */
  apply(change: Change | undefined): void {
    if (change === undefined) return;
    const previous = this.#cookie;
    if (change.cookie === undefined) this.#gone = previous?.id;
    if (JSON.stringify(previous) !== JSON.stringify(change.cookie)) {
      this.#save(change.cookie, previous?.id);
    }
    this.#take(change);
  }

  /** Tells the listener. */
  tell(event: SessionEvent): void {
    try {
      this.#tell(structuredClone(event));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Waits until the jar has every change. */
  async flush(): Promise<void> {
    await this.#saving;
  }

  #take({ cookie, events }: Change): void {
    this.#cookie = cookie;
    for (const event of events) this.tell(event);
  }

  #save(cookie: HeldCookie | undefined, previous: string | undefined): void {
    // It may have a session that somebody wants to come back to.
    if (this.#unreadable) return;
    const change = ++this.#changes;
    this.#saving = this.#saving.then(async () => {
      if (cookie !== undefined) await this.#jar.set(this.#key, cookie);
      else if (previous !== undefined) await this.#jar.delete(this.#key, previous);
      this.#saved = change;
    }).catch(this.#fail);
  }
}
