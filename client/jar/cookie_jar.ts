/**
 * Cookie jars, which keep a client's cookies between connections.
 *
 * @module
 */

import { type HeldCookie, heldCookie } from "../../protocol/cookie.ts";

/** The key of a cookie in a jar. */
export interface JarKey {
  /** The server's URL or command line. No other server gets the cookie. */
  readonly server: string;
  /** The profile, which separates several sessions with one server. */
  readonly profile: string;
}

/** A cookie and its key. */
export interface JarEntry extends JarKey {
  /** The cookie. */
  readonly cookie: HeldCookie;
}

/** A jar of at most one cookie for each server and profile, copied in and out. */
export interface CookieJar {
  /** The cookie under `key`. */
  get(key: JarKey): Promise<HeldCookie | undefined>;
  /** Files `cookie` under `key`, and replaces any other. */
  set(key: JarKey, cookie: HeldCookie): Promise<void>;
  /**
   * Files `cookie` under `key` unless one is there already, and returns the one that is: two clients
   * that start at once share the session of the first.
   */
  add(key: JarKey, cookie: HeldCookie): Promise<HeldCookie>;
  /**
   * Deletes the cookie under `key` if it has this session id: another client may have filed a newer
   * one.
   */
  delete(key: JarKey, id: string): Promise<void>;
}

/**
 * A jar in memory, which ends with the process.
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

  /** The cookie under `key`. */
  get(key: JarKey): Promise<HeldCookie | undefined> {
    return Promise.resolve(heldCookie(this.#entries.get(nameOf(key))?.cookie));
  }

  /** Files `cookie` under `key`, and replaces any other. */
  set(key: JarKey, cookie: HeldCookie): Promise<void> {
    const copy = heldCookie(cookie);
    if (copy === undefined) {
      return Promise.reject(new TypeError("Cannot file a cookie as its id is not valid"));
    }
    const { server, profile } = key;
    this.#entries.set(nameOf(key), { server, profile, cookie: copy });
    return Promise.resolve();
  }

  /** Files `cookie` under `key` unless one is there already, and returns the one that is. */
  async add(key: JarKey, cookie: HeldCookie): Promise<HeldCookie> {
    const there = heldCookie(this.#entries.get(nameOf(key))?.cookie);
    if (there !== undefined) return there;
    await this.set(key, cookie);
    return structuredClone(cookie);
  }

  /** Deletes the cookie under `key` if it has session id `id`. */
  delete(key: JarKey, id: string): Promise<void> {
    if (this.#entries.get(nameOf(key))?.cookie.id === id) this.#entries.delete(nameOf(key));
    return Promise.resolve();
  }

  /** All cookies, by copy, in the order in which they were first filed. */
  list(): Promise<JarEntry[]> {
    return Promise.resolve(structuredClone([...this.#entries.values()]));
  }
}

export function nameOf({ server, profile }: JarKey): string {
  return JSON.stringify([server, profile]);
}
