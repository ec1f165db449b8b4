/**
 * The jar where several users of one server share it, in the same conversation.
 *
 * @module
 */

import type { HeldCookie } from "../../protocol/cookie.ts";
import type { CookieJar, JarKey } from "../jar/cookie_jar.ts";

/**
 * The jar as one user sees it. What the user has filed comes first, and else what anybody has: a user
 * whose credentials are new, or whose session was filed by an earlier version, is told apart by nothing.
 */
export class UserJar implements CookieJar {
  readonly #jar: CookieJar;
  readonly #user: string;

  /** Keeps the cookies of `user` in `jar`. */
  constructor(jar: CookieJar, user: string) {
    this.#jar = jar;
    this.#user = user;
  }

  /** The user's cookie, or the one that was filed last by anybody. */
  async get(key: JarKey): Promise<HeldCookie | undefined> {
    return await this.#jar.get(this.#own(key)) ?? await this.#jar.get(key);
  }

  /** Files the cookie for the user, and for a user who has none yet. */
  async set(key: JarKey, cookie: HeldCookie): Promise<void> {
    await this.#jar.set(this.#own(key), cookie);
    await this.#jar.set(key, cookie);
  }

  /** Files the cookie unless the user has one, and gives the one that is there. */
  async add(key: JarKey, cookie: HeldCookie): Promise<HeldCookie> {
    const there = await this.#jar.add(this.#own(key), cookie);
    if (there.id === cookie.id) await this.#jar.set(key, cookie);
    return there;
  }

  /** Takes out the user's cookie. One that the user has never filed may be another's. */
  async delete(key: JarKey, id: string): Promise<void> {
    const own = this.#own(key);
    if ((await this.#jar.get(own))?.id !== id) return;
    await this.#jar.delete(own, id);
    await this.#jar.delete(key, id);
  }

  #own({ server, profile }: JarKey): JarKey {
    return { server, profile: `${profile}:${this.#user}` };
  }
}
