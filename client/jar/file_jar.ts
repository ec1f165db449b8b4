/**
 * A cookie jar in a file.
 *
 * @module
 */

import { type HeldCookie, heldCookie } from "../../protocol/cookie.ts";
import { hidesLines, Journal, JournalError } from "../../store/journal/journal.ts";
import { stateFile } from "../../runtime/state_folder.ts";
import { system } from "../../runtime/deno_version.ts";
import type { CookieJar, JarEntry, JarKey } from "./cookie_jar.ts";
import { findJarFile, JAR_MODE, quarantine, type Repair } from "./quarantine.ts";
import { keyWithoutQuery, serverKey } from "./server_key.ts";
import { type Cookies, file, type FiledEntry, findEntry, jarMeaning, takeOut } from "./codec.ts";

export { settleSizeLimit, surviveSizeLimit } from "../../runtime/file_size_limit.ts";

/** Options of {@linkcode FileJar.open}. */
export interface FileJarOptions {
  /** The time in milliseconds since 1970. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** Called with one line about each repair. @default console.warn */
  readonly warn?: ((message: string) => void) | undefined;
}

/** The size from which the file is compacted. A cookie has a few hundred bytes. */
const COMPACT_BYTES = 64 * 1024;
/** The attempts to open a jar that is broken again after each quarantine. */
const MAX_TRIES = 5;

/**
 * A jar in a file that only its owner can read. Any number of processes may use one file at once; each
 * sees the cookies of the others, and a filed cookie survives a `kill -9`.
 *
 * A server's URL counts by its origin, path and query. The file has only a hash of the query, which may
 * be secret, and nothing of a password.
 *
 * Only the server decides that a session has ended, so a cookie is returned whatever its expiry. A
 * cookie that expired, and was last filed, more than a year ago is deleted when the file is opened or
 * compacted.
 *
 * A damaged file is quarantined: it is renamed, a new file gets every intact cookie, and `warn` is
 * called. A file that this user may not read, or that is another program's, is left alone.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { FileJar } from "@mcp-sessions/deno/client";
 *
 * const folder = await Deno.makeTempDir();
 * const key = { server: "https://example.com/mcp", profile: "default" };
 * {
 *   await using jar = await FileJar.open(`${folder}/cookies.jsonl`);
 *   await jar.set(key, { id: "sess-1" });
 * }
 * {
 *   await using jar = await FileJar.open(`${folder}/cookies.jsonl`);
 *   assertEquals(await jar.get(key), { id: "sess-1" });
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export class FileJar implements CookieJar {
  readonly #path: string;
  readonly #repair: Repair;
  /** The server keys that were warned of. */
  readonly #warned = new Set<string>();
  #journal: Journal<Cookies>;
  #reopening: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  /**
   * Opens the file at `path`, and creates it and its folder if they are missing.
   *
   * @throws {Error} If the folder or the file can't be read and written, another process holds the
   * lock and hangs, or the file is another program's; the message says what to do. A client can then
   * go on with a {@linkcode MemoryJar}.
   */
  static async open(path: string, options: FileJarOptions = {}): Promise<FileJar> {
    const repair = { now: options.now ?? Date.now, warn: options.warn ?? console.warn };
    return new FileJar(path, repair, await openJournal(path, repair));
  }

  private constructor(path: string, repair: Repair, journal: Journal<Cookies>) {
    this.#path = path;
    this.#repair = repair;
    this.#journal = journal;
  }

  /** The cookie under `key`. */
  async get(key: JarKey): Promise<HeldCookie | undefined> {
    const name = normalized(key);
    const cookies = await this.#run((journal) => journal.read());
    const entry = findEntry(cookies, name);
    if (entry === undefined) this.#warnOfOlderKey(cookies, name);
    return heldCookie(entry?.cookie);
  }

  /** Files `cookie` under `key`, and replaces any other. Durable when the promise resolves. */
  async set(key: JarKey, cookie: HeldCookie): Promise<void> {
    const entry = this.#entry(key, cookie);
    await this.#run((journal) =>
      journal.append((cookies) => file(cookies, entry), { durable: true })
    );
  }

  /**
   * Files `cookie` under `key` unless one is there already, and returns the one that is. Durable when
   * the promise resolves.
   */
  async add(key: JarKey, cookie: HeldCookie): Promise<HeldCookie> {
    const entry = this.#entry(key, cookie);
    let there = entry.cookie;
    await this.#run((journal) =>
      journal.append((cookies) => {
        const before = findEntry(cookies, entry);
        there = before?.cookie ?? entry.cookie;
        return before === undefined ? file(cookies, entry) : takeOut(cookies, []);
      }, { durable: true })
    );
    return structuredClone(there);
  }

  /** Deletes the cookie under `key` if it has session id `id`. */
  async delete(key: JarKey, id: string): Promise<void> {
    const name = normalized(key);
    await this.#run((journal) =>
      journal.append((cookies) => {
        const entry = findEntry(cookies, name);
        return takeOut(cookies, entry?.cookie.id === id ? [entry] : []);
      }, { durable: true })
    );
  }

  /** All cookies, by copy, in the order in which they were first filed. */
  async list(): Promise<JarEntry[]> {
    const cookies = await this.#run((journal) => journal.read());
    return Array.from(cookies.values(), ({ filedAt: _, ...entry }) => structuredClone(entry));
  }

  /** Closes the file. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #entry(key: JarKey, cookie: HeldCookie): FiledEntry {
    const copy = heldCookie(cookie);
    if (copy === undefined) throw new TypeError("Cannot file a cookie as its id is not valid");
    return { ...normalized(key), cookie: copy, filedAt: this.#repair.now() };
  }

  /**
   * Warns once of a cookie under the same URL without its query, where earlier versions filed it. The
   * cookie may be another server's, so it is not used.
   */
  #warnOfOlderKey(cookies: Cookies, { server, profile }: JarKey) {
    const older = keyWithoutQuery(server);
    if (older === undefined || this.#warned.has(server)) return;
    if (findEntry(cookies, { server: older, profile }) === undefined) return;
    this.#warned.add(server);
    this.#repair.warn(
      `The jar has a session of ${older} without its query, as earlier versions filed it: it may be ` +
        `another server's, so it is not used; if it is yours, find its id with \`sessions jar list ` +
        `--full\` and file it under the whole URL with \`sessions jar use URL ID\``,
    );
  }

  async #close() {
    await this.#reopening?.catch(() => {});
    await this.#journal.close();
  }

  /** Runs `action` on the journal, and once more if the file had to be opened again. */
  async #run<T>(action: (journal: Journal<Cookies>) => Promise<T>): Promise<T> {
    const journal = this.#journal;
    try {
      return await action(journal);
    } catch (error) {
      if (this.#closing || !mayBeGone(error)) throw error;
      if (this.#journal === journal) {
        await (this.#reopening ??= this.#reopen().finally(() => this.#reopening = undefined));
      }
      return await action(this.#journal);
    }
  }

  async #reopen() {
    const old = this.#journal;
    this.#journal = await openJournal(this.#path, this.#repair);
    // An error of a file that is no longer the jar does not matter.
    await old.close().catch(() => {});
  }
}

/** Options of {@linkcode defaultJarPath}. */
export interface DefaultJarPathOptions {
  /** The environment variables. @default those of the process */
  readonly env?: { get(name: string): string | undefined };
  /** The operating system, by Deno's name for it. @default the one at hand */
  readonly os?: string;
}

/**
 * The path of the jar that a user's clients share: `cookies.jsonl` in the operating system's folder for
 * the state of a user's programs.
 *
 * @throws {TypeError} If the environment does not tell that folder.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { defaultJarPath } from "@mcp-sessions/deno/client";
 *
 * const env = new Map([["HOME", "/home/me"]]);
 * assertEquals(
 *   defaultJarPath({ env, os: "linux" }),
 *   "/home/me/.local/state/mcp-sessions/cookies.jsonl",
 * );
 * ```
 */
export function defaultJarPath(
  { env = system().env, os = system().os }: DefaultJarPathOptions = {},
): string {
  return stateFile("cookies.jsonl", { env, os, what: "a jar", remedy: "name its file" });
}

async function openJournal(path: string, repair: Repair): Promise<Journal<Cookies>> {
  for (let tries = 1;; tries++) {
    using found = findJarFile(path);
    if (found !== undefined && hidesLines(found.path, found.file) && tries < MAX_TRIES) {
      if (await quarantine(found, repair)) continue;
    }
    let journal: Journal<Cookies>;
    try {
      journal = await Journal.open(path, jarMeaning(repair.now), {
        warn: repair.warn,
        compactBytes: COMPACT_BYTES,
        modeMask: JAR_MODE,
      });
    } catch (error) {
      const isCorrupt = error instanceof JournalError && error.code === "corrupt";
      if (!isCorrupt || found === undefined || tries === MAX_TRIES) throw error;
      if (!await quarantine(found, repair)) throw error;
      continue;
    }
    // Optional: a full disk must not prevent reading.
    await journal.tidy().catch(() => {});
    return journal;
  }
}

/** Whether the file may have been damaged, moved or replaced while it was open. */
function mayBeGone(error: unknown): boolean {
  return error instanceof JournalError &&
    (error.code === "corrupt" || error.code === "unavailable");
}

function normalized({ server, profile }: JarKey): JarKey {
  return { server: serverKey(server), profile };
}
