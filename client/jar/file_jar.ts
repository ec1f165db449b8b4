/**
 * A cookie jar in a file.
 *
 * @module
 */

import { type HeldCookie, heldCookie } from "../../protocol/cookie.ts";
import { hidesLines, Journal } from "../../store/journal/journal.ts";
import { stateFile } from "../../runtime/state_folder.ts";
import type { CookieJar, JarEntry, JarKey } from "./cookie_jar.ts";
import { beginAnew, findFile, JAR_MODE } from "./quarantine.ts";
import { nameWithoutQuery, serverName } from "./server_key.ts";
import { type Cookies, file, type FiledEntry, findEntry, jarMeaning, takeOut } from "./codec.ts";

export { expandHome } from "../../runtime/state_folder.ts";
export { settleSizeLimit, surviveSizeLimit } from "../../runtime/file_size_limit.ts";

/** How a {@linkcode FileJar} is opened. */
export interface FileJarOptions {
  /** The time in milliseconds since 1970. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** Told in one line of what was found and mended. @default console.warn */
  readonly warn?: ((message: string) => void) | undefined;
}

/** A cookie has a few hundred bytes; those that are forgotten should not stay in it for long. */
const COMPACT_BYTES = 64 * 1024;
/** A jar that is broken once more, whenever it is begun anew, has a cause that goes on. */
const MAX_TRIES = 5;

/**
 * Keeps cookies in a file that only its owner can read. Any number of processes may use one file at
 * once; each of them sees what the others have filed, and what was filed outlives a `kill -9`.
 *
 * A server's URL counts by its origin, path and query. Of the query, which may be secret, only a hash
 * is written down, and nothing of a password.
 *
 * Only a server says that a session has ended: a cookie is given whatever its expiry. One that expired,
 * and was last filed, more than a year ago is taken out as the file is opened or written anew.
 *
 * A file that is damaged is renamed, one with all that is good in it begun, and `warn` told what was
 * saved. One that this user may not read, or that is another program's, is left where it is.
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
  readonly #open: () => Promise<Journal<Cookies>>;
  readonly #now: () => number;
  readonly #warn: (message: string) => void;
  /** The names that were warned of. */
  readonly #warned = new Set<string>();
  #journal: Journal<Cookies>;
  #reopening: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  /**
   * Opens the file at `path`, and makes it and its folder if they are missing.
   *
   * @throws {Error} if the folder or the file can't be read and written, another process holds the
   * lock and hangs, or the file is another program's; the message says what to do. A client can then
   * go on with a {@linkcode MemoryJar}.
   */
  static async open(path: string, options: FileJarOptions = {}): Promise<FileJar> {
    const { now = Date.now, warn = console.warn } = options;
    const open = () => openJournal(path, now, warn);
    return new FileJar(await open(), open, now, warn);
  }

  private constructor(
    journal: Journal<Cookies>,
    open: () => Promise<Journal<Cookies>>,
    now: () => number,
    warn: (message: string) => void,
  ) {
    this.#journal = journal;
    this.#open = open;
    this.#now = now;
    this.#warn = warn;
  }

  /** The cookie that is filed under `key`. */
  async get(key: JarKey): Promise<HeldCookie | undefined> {
    const name = named(key);
    const cookies = await this.#run((journal) => journal.read());
    const entry = findEntry(cookies, name);
    if (entry === undefined) this.#tellOfOlder(cookies, name);
    return heldCookie(entry?.cookie);
  }

  /** Files `cookie` under `key`, in place of any other. It is on disk when the promise resolves. */
  async set(key: JarKey, cookie: HeldCookie): Promise<void> {
    const entry = this.#entry(key, cookie);
    await this.#run((journal) =>
      journal.append((cookies) => file(cookies, entry), { durable: true })
    );
  }

  /**
   * Files `cookie` under `key` unless there is one already, and gives the one that is there. It is on
   * disk when the promise resolves.
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

  /** Takes out the cookie under `key`, if it is still that of session `id`. */
  async delete(key: JarKey, id: string): Promise<void> {
    const name = named(key);
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

  /** Lets go of the file. */
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
    return { ...named(key), cookie: copy, filedAt: this.#now() };
  }

  /**
   * Tells of a cookie under the same URL without its query, where earlier versions filed it. It may be
   * another server's, so it is not used.
   */
  #tellOfOlder(cookies: Cookies, { server, profile }: JarKey) {
    const older = nameWithoutQuery(server);
    if (older === undefined || this.#warned.has(server)) return;
    if (findEntry(cookies, { server: older, profile }) === undefined) return;
    this.#warned.add(server);
    this.#warn(
      `The jar has a session of ${older} without its query, as earlier versions filed it: it may be ` +
        `another server's, so it is not used; if it is yours, find its id with \`sessions jar list ` +
        `--full\` and file it under the whole URL with \`sessions jar use URL ID\``,
    );
  }

  async #close() {
    await this.#reopening?.catch(() => {});
    await this.#journal.close();
  }

  /** Does something with the file, and once more if another one had to be begun. */
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
    this.#journal = await this.#open();
    // Its file is not the jar any more, so there is nothing to be said about it.
    await old.close().catch(() => {});
  }
}

/** Where {@linkcode defaultJarPath} looks. */
export interface DefaultJarOptions {
  /** The environment's variables. @default Deno.env */
  readonly env?: { get(name: string): string | undefined };
  /** The operating system. @default Deno.build.os */
  readonly os?: typeof Deno.build.os;
}

/**
 * The path of the jar that a user's clients share: `cookies.jsonl` in the folder where the operating
 * system keeps the state of a user's programs.
 *
 * @throws {TypeError} if the environment does not say where that is.
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
  { env = Deno.env, os = Deno.build.os }: DefaultJarOptions = {},
): string {
  return stateFile("cookies.jsonl", { env, os, what: "a jar", remedy: "name its file" });
}

async function openJournal(
  path: string,
  now: () => number,
  warn: (message: string) => void,
): Promise<Journal<Cookies>> {
  for (let tries = 1;; tries++) {
    using found = findFile(path);
    if (found !== undefined && hidesLines(found.path, found.file) && tries < MAX_TRIES) {
      if (await beginAnew(found, now, warn)) continue;
    }
    let journal: Journal<Cookies>;
    try {
      journal = await Journal.open(path, jarMeaning(now), {
        warn,
        compactBytes: COMPACT_BYTES,
        modeMask: JAR_MODE,
      });
    } catch (error) {
      if (!isCorrupt(error) || found === undefined || tries === MAX_TRIES) throw error;
      if (!await beginAnew(found, now, warn)) throw error;
      continue;
    }
    // It is well without, and a full disk must not keep anyone from reading.
    await journal.tidy().catch(() => {});
    return journal;
  }
}

function isCorrupt(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "corrupt";
}

/** Has the file been damaged, moved or replaced while it was open? Or is there another trouble? */
function mayBeGone(error: unknown): boolean {
  return isCorrupt(error) ||
    error instanceof Error && "code" in error && error.code === "unavailable";
}

function named({ server, profile }: JarKey): JarKey {
  return { server: serverName(server), profile };
}
