/**
 * Where a client keeps its cookies from one connection to the next.
 *
 * @module
 */

import { type HeldCookie, heldCookie } from "../../protocol/cookie.ts";

/** What a cookie is filed under. */
export interface JarKey {
  /** The server, by its URL or command line. A cookie is never given to another one. */
  readonly server: string;
  /** Tells the sessions of one server apart, as a browser's profiles do. */
  readonly profile: string;
}

/** A cookie, and what it is filed under. */
export interface JarEntry extends JarKey {
  /** The cookie. */
  readonly cookie: HeldCookie;
}

/** Keeps at most one cookie for each server and profile. Cookies go in and out by copy. */
export interface CookieJar {
  /** The cookie that is filed under `key`. */
  get(key: JarKey): Promise<HeldCookie | undefined>;
  /** Files `cookie` under `key`, in place of any other. */
  set(key: JarKey, cookie: HeldCookie): Promise<void>;
  /**
   * Files `cookie` under `key` unless there is one already, and gives the one that is there: of two
   * clients that begin at once, both go on in the session of the first.
   */
  add(key: JarKey, cookie: HeldCookie): Promise<HeldCookie>;
  /**
   * Takes out the cookie under `key`, but only the one with this session id: another client may
   * have filed a newer one in the meantime.
   */
  delete(key: JarKey, id: string): Promise<void>;
}

/**
 * A jar that lasts as long as the process.
 *
 * @example Two connections, one session
 * ```ts
 * import { MemoryJar } from "@mcp-sessions/deno/client";
 *
 * const jar = new MemoryJar();
 * const key = { server: "http://127.0.0.1:8765/mcp", profile: "default" };
 * await jar.set(key, { id: "sess-1" });
 * console.log(await jar.get(key)); // { id: "sess-1" }
 * ```
 */
export class MemoryJar implements CookieJar {
  readonly #entries = new Map<string, JarEntry>();

  /** The cookie that is filed under `key`. */
  get(key: JarKey): Promise<HeldCookie | undefined> {
    return Promise.resolve(heldCookie(this.#entries.get(name(key))?.cookie));
  }

  /** Files `cookie` under `key`, in place of any other. */
  set(key: JarKey, cookie: HeldCookie): Promise<void> {
    const copy = heldCookie(cookie);
    if (copy === undefined) {
      return Promise.reject(new TypeError("Cannot file a cookie as its id is not valid"));
    }
    const { server, profile } = key;
    this.#entries.set(name(key), { server, profile, cookie: copy });
    return Promise.resolve();
  }

  /** Files `cookie` under `key` unless there is one already, and gives the one that is there. */
  async add(key: JarKey, cookie: HeldCookie): Promise<HeldCookie> {
    const there = heldCookie(this.#entries.get(name(key))?.cookie);
    if (there !== undefined) return there;
    await this.set(key, cookie);
    return structuredClone(cookie);
  }

  /** Takes out the cookie under `key`, if it is still that of session `id`. */
  delete(key: JarKey, id: string): Promise<void> {
    if (this.#entries.get(name(key))?.cookie.id === id) this.#entries.delete(name(key));
    return Promise.resolve();
  }

  /** All cookies, by copy, in the order in which they were first filed. */
  list(): Promise<JarEntry[]> {
    return Promise.resolve(structuredClone([...this.#entries.values()]));
  }
}

function name(key: JarKey): string {
  return JSON.stringify([key.server, key.profile]);
}
