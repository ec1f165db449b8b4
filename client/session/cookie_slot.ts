/**
 * The held cookie, its copy in the jar, and its listener.
 *
 * @module
 */

import { type HeldCookie, heldCookie } from "../../protocol/cookie.ts";
import type { Deadline } from "../../runtime/deadline.ts";
import type { SessionEvent } from "./events.ts";
import { type CookieChange, resumed } from "./cookie_rules.ts";
import type { CookieJar, JarKey } from "../jar/cookie_jar.ts";

export interface SlotListener {
  readonly onevent: (event: SessionEvent) => void;
  /** Gets the errors of the jar and of `onevent`. */
  readonly onerror: (error: unknown) => void;
}

/** Holds one cookie. Every change goes to the jar, in order, and its events to the listener. */
export class CookieSlot {
  /** Whether the session is the caller's own choice, which no other session replaces. */
  readonly isPinned: boolean = false;
  readonly #jar: CookieJar;
  readonly #key: JarKey;
  readonly #listener: SlotListener;
  #cookie: HeldCookie | undefined;
  #saving: Promise<void> = Promise.resolve();
  #revision = 0;
  #savedRevision = 0;
  /** Whether the jar has failed to answer, so that its contents are unknown. */
  #isJarUnreadable = false;
  /** The session lost last, which a jar that could not delete it must not bring back. */
  #lostId: string | undefined;
  /** Whether the jar has been read, and the session that it has unless another process has filed one. */
  #isJarRead = false;
  #filedId: string | undefined;

  constructor(jar: CookieJar, key: JarKey, listener: SlotListener) {
    this.#jar = jar;
    this.#key = key;
    this.#listener = listener;
  }

  get cookie(): HeldCookie | undefined {
    return this.#cookie;
  }

  get isSaved(): boolean {
    return this.#savedRevision === this.#revision;
  }

  /**
   * Holds the jar's cookie for this server and profile, without an event, unless a result brings
   * another meanwhile. A jar that has failed is read again only if it `isRequired`, as every request
   * would wait for it.
   *
   * @returns The jar's cookie if it is held.
   */
  async load(deadline: Deadline, isRequired: boolean): Promise<HeldCookie | undefined> {
    if (this.#isJarUnreadable && !isRequired) return undefined;
    this.#isJarUnreadable = true;
    const before = this.#cookie;
    // A lost session may still be on its way out of the jar.
    await deadline.limit(this.flush());
    const saved = heldCookie(await deadline.limit(this.#jar.get(this.#key)));
    this.#isJarUnreadable = false;
    this.#isJarRead = true;
    this.#filedId = saved?.id;
    if (this.#cookie !== before) {
      this.#save(this.#cookie, before?.id);
      return undefined;
    }
    this.#cookie = saved?.id === this.#lostId ? undefined : saved;
    return this.#cookie;
  }

  /**
   * Holds the new session, or the one that another process filed first, unless a result brings another
   * meanwhile. Whether it is the new.
   */
  async add(
    change: CookieChange & { readonly cookie: HeldCookie },
    deadline: Deadline,
  ): Promise<boolean> {
    if (this.#cookie !== undefined) return false;
    let held = change.cookie;
    try {
      await deadline.limit(this.flush());
      if (!this.#isJarUnreadable) held = await deadline.limit(this.#jar.add(this.#key, held));
      if (held.id === this.#lostId) {
        held = change.cookie;
        await deadline.limit(this.#jar.set(this.#key, held));
      }
      if (!this.#isJarUnreadable) this.#filedId = held.id;
    } catch (error) {
      // The session works, but is not found again.
      this.#revision++;
      this.#listener.onerror(error);
    }
    if (this.#cookie !== undefined) return false;
    const isNew = held.id === change.cookie.id;
    this.#hold(isNew ? change : resumed(held, false));
    return isNew;
  }

  apply(change: CookieChange | undefined): void {
    if (change === undefined) return;
    const previous = this.#cookie;
    if (change.cookie === undefined) this.#lostId = previous?.id;
    if (JSON.stringify(previous) !== JSON.stringify(change.cookie)) {
      this.#save(change.cookie, previous?.id);
    }
    this.#hold(change);
  }

  emit(event: SessionEvent): void {
    try {
      this.#listener.onevent(structuredClone(event));
    } catch (error) {
      this.#listener.onerror(error);
    }
  }

  /** Waits until the jar has every change. */
  async flush(): Promise<void> {
    await this.#saving;
  }

  #hold({ cookie, events }: CookieChange): void {
    this.#cookie = cookie;
    for (const event of events) this.emit(event);
  }

  #save(cookie: HeldCookie | undefined, previous: string | undefined): void {
    // An unreadable jar may have a session that is worth coming back to.
    if (this.#isJarUnreadable) return;
    const revision = ++this.#revision;
    this.#saving = this.#saving.then(async () => {
      if (cookie === undefined) {
        if (previous !== undefined) await this.#jar.delete(this.#key, previous);
      } else if (cookie.id !== previous && this.#isJarRead || !await this.#isSuperseded(cookie)) {
        await this.#jar.set(this.#key, cookie);
        this.#filedId = cookie.id;
      }
      this.#savedRevision = revision;
    }).catch(this.#listener.onerror);
  }

  /**
   * Whether the jar has another session than it had: one of another process, which a renewed cookie must
   * not undo, or one that was never resumed.
   */
  async #isSuperseded({ id }: HeldCookie): Promise<boolean> {
    const filed = await this.#jar.get(this.#key);
    return filed !== undefined && filed.id !== id && filed.id !== this.#filedId;
  }
}
