/**
 * View of one user of a jar that several users of a server share.
 *
 * @module
 */

import type { HeldCookie } from "../../protocol/cookie.ts";
import type { CookieJar, JarKey } from "../jar/cookie_jar.ts";

/**
 * Files a user's cookies under the user's key, and a copy under the shared key. Lookups fall back to
 * the copy: new credentials of the same user, or a session that an earlier version filed, cannot be
 * told from another user's.
 */
export class UserJar implements CookieJar {
  readonly #jar: CookieJar;
  readonly #user: string;

  constructor(jar: CookieJar, user: string) {
    this.#jar = jar;
    this.#user = user;
  }

  async get(key: JarKey): Promise<HeldCookie | undefined> {
    return await this.#jar.get(this.#userKey(key)) ?? await this.#jar.get(key);
  }

  async set(key: JarKey, cookie: HeldCookie): Promise<void> {
    await this.#jar.set(this.#userKey(key), cookie);
    await this.#jar.set(key, cookie);
  }

  /** Files the cookie unless the user has one, and returns the user's. */
  async add(key: JarKey, cookie: HeldCookie): Promise<HeldCookie> {
    const held = await this.#jar.add(this.#userKey(key), cookie);
    if (held.id === cookie.id) await this.#jar.set(key, cookie);
    return held;
  }

  /** Removes the user's cookie. One under the shared key alone may be another user's, and stays. */
  async delete(key: JarKey, id: string): Promise<void> {
    const userKey = this.#userKey(key);
    if ((await this.#jar.get(userKey))?.id !== id) return;
    await this.#jar.delete(userKey, id);
    await this.#jar.delete(key, id);
  }

  #userKey({ server, profile }: JarKey): JarKey {
    return { server, profile: `${profile}:${this.#user}` };
  }
}
