/**
 * Opens a store by its URL, as people write it on a command line.
 *
 * @module
 */

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { checkLimits, checkText, checkTimeout, DEFAULT_TIMEOUT_MS } from "./validation.ts";
import { expandHome, stateFile } from "../runtime/state_folder.ts";
import { system } from "../runtime/system.ts";
import type { SessionStore, StoreLimits } from "./session_store.ts";

/** Options of {@linkcode openStore}. */
export interface OpenStoreOptions {
  /** The server's name: sessions of other names on the same store are not seen. */
  readonly namespace: string;
  /** The time in milliseconds since 1970. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** The most that the store keeps. */
  readonly limits?: Partial<StoreLimits> | undefined;
  /** Told in one line of what was found and mended. @default console.warn */
  readonly warn?: ((message: string) => void) | undefined;
  /** The timeout of opening a database, and of an operation on it, in milliseconds. @default 10_000 */
  readonly timeoutMs?: number | undefined;
}

/**
 * Opens the store that a URL names:
 *
 * - `memory:` lives as long as the process.
 * - `file:PATH` or `file:///PATH` is a file that several processes may share; it and its folder are
 *   made when missing. `~/` at the beginning of a `PATH` is the user's home folder.
 * - `kv:PATH` is a Deno KV file, `kv:https://…` a remote Deno KV with the token in the environment
 *   variable `DENO_KV_ACCESS_TOKEN`. Both need `--unstable-kv`.
 * - `sqlite:PATH` or `sqlite:///PATH` is an SQLite database that the processes of one machine may share;
 *   it and its folder are made when missing.
 * - `redis://USER:PASSWORD@HOST:PORT/DATABASE` is Redis or Valkey, `rediss:` the same over TLS; all but the
 *   host may be left out. One that evicts sessions is refused unless `?evicting=allow` stands at the end.
 * - `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, or `postgresql://…`, is PostgreSQL, for any number of
 *   machines; with `?sslmode=require`, `verify-ca` or `verify-full` over TLS.
 *
 * @throws {TypeError} if the URL is none of these, or the environment does not say where `~/` is.
 * @throws {RangeError} if the namespace is empty, or has more than 48 bytes of UTF-8; or if a limit is
 * not a number from 0, or `timeoutMs`.
 * @throws {StoreError} if the store cannot be opened; the message says what to do.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { openStore } from "@mcp-sessions/deno/store";
 *
 * await using store = await openStore("memory:", { namespace: "example" });
 * assertEquals(await store.list({ owner: null, limit: 10 }), []);
 * ```
 */
export async function openStore(url: string, options: OpenStoreOptions): Promise<SessionStore> {
  return await (await prepareStore(url, options))();
}

/**
 * {@linkcode openStore} in two steps: checks its arguments, and gives a function that opens the store.
 *
 * @throws {TypeError} and {RangeError} as {@linkcode openStore} does.
 */
export async function prepareStore(
  url: string,
  options: OpenStoreOptions,
): Promise<() => Promise<SessionStore>> {
  const [, scheme, rest] = /^([a-z][a-z\d+.-]+):(.*)$/is.exec(url) ?? [];
  checkText("namespace", options.namespace);
  checkLimits(options.limits);
  if (scheme === undefined || rest === undefined) throw cannotOpen("its URL has no scheme", url);
  // A server has one store, and loads only that.
  switch (scheme) {
    case "memory": {
      if (rest !== "") throw cannotOpen("nothing can follow its scheme", url);
      return async () => {
        const { MemoryStore } = await import("./memory/memory_store.ts");
        return new MemoryStore(options);
      };
    }
    case "file": {
      const path = filePath(url, rest);
      return async () => {
        const { FileStore } = await import("./file/file_store.ts");
        return await FileStore.open(path, options);
      };
    }
    case "kv": {
      if (rest === "") throw cannotOpen("its URL has no path (write kv:PATH or kv:https://…)", url);
      const place = /^https?:/.test(rest) ? rest : localPath(url, rest);
      const bounded = withTimeout(options);
      return async () => {
        const { openKvStore } = await import("./kv/open_kv_store.ts");
        return await openKvStore(place, bounded);
      };
    }
    case "sqlite": {
      if (rest === ":memory:") throw cannotOpen("it is in memory (write memory:)", url);
      const path = filePath(url, rest);
      return async () => {
        const { SqliteStore } = await import("./sqlite/sqlite_store.ts");
        return await SqliteStore.open(path, options);
      };
    }
    case "redis":
    case "rediss": {
      const { redisPlace } = await import("./redis/url.ts");
      redisPlace(url);
      const bounded = withTimeout(options);
      return async () => {
        const { RedisStore } = await import("./redis/redis_store.ts");
        return await RedisStore.open(url, bounded);
      };
    }
    case "postgres":
    case "postgresql": {
      const { parsePostgresUrl } = await import("./postgres/postgres_url.ts");
      parsePostgresUrl(url);
      const bounded = withTimeout(options);
      return async () => {
        const { PostgresStore } = await import("./postgres/postgres_store.ts");
        return await PostgresStore.open(url, bounded);
      };
    }
    default:
      throw cannotOpen("its scheme is none of memory, file, sqlite, redis, postgres and kv", url);
  }
}

function withTimeout({ timeoutMs, warn = console.warn, ...options }: OpenStoreOptions) {
  // A longer one than a timer takes is cut.
  return {
    ...options,
    warn,
    timeoutMs: timeoutMs === undefined ? DEFAULT_TIMEOUT_MS : checkTimeout("timeoutMs", timeoutMs),
  };
}

/** The system that {@linkcode defaultStoreUrl} looks at. */
export interface DefaultStoreOptions {
  /** The environment's variables. @default those of the process */
  readonly env?: { get(name: string): string | undefined };
  /** The operating system, by Deno's name for it. @default the one at hand */
  readonly os?: string;
}

/**
 * The URL of the default store of a server: `NAME.jsonl` in the folder where the operating system keeps
 * the state of a user's programs.
 *
 * @throws {TypeError} if the environment does not say where that is.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { defaultStoreUrl } from "@mcp-sessions/deno/store";
 *
 * const env = new Map([["HOME", "/home/me"]]);
 * assertEquals(
 *   defaultStoreUrl("notebook", { env, os: "linux" }),
 *   "file:/home/me/.local/state/mcp-sessions/notebook.jsonl",
 * );
 * ```
 */
export function defaultStoreUrl(
  name: string,
  { env = system().env, os = system().os }: DefaultStoreOptions = {},
): string {
  // A slash in a server's name must not lead to another folder.
  const file = `${encodeURIComponent(name)}.jsonl`;
  const remedy = "name a store, such as file:PATH or memory:";
  return `file:${stateFile(file, { env, os, what: "a store", remedy })}`;
}

function filePath(url: string, rest: string): string {
  if (rest === "") throw cannotOpen("its URL has no path", url);
  if (!rest.startsWith("//")) return resolve(localPath(url, rest));
  try {
    return fileURLToPath(`file:${rest}`);
  } catch (cause) {
    const scheme = url.slice(0, -rest.length);
    throw cannotOpen(`it is no file URL (write ${scheme}PATH or ${scheme}///PATH)`, url, { cause });
  }
}

/** A path. A URL is refused: it would make a folder named after its scheme. */
function localPath(url: string, path: string): string {
  const scheme = /^[a-z][a-z\d+.-]+:(?=\/\/)/i.exec(path)?.[0];
  if (scheme !== undefined) throw cannotOpen(`${scheme} cannot stand in its path`, url);
  return expandHome(path);
}

/** A store's URL as messages show it: without its user and password. */
export function shownUrl(url: string): string {
  return url.replace(/\/\/.*@/s, "//…@");
}

function cannotOpen(why: string, url: string, options?: ErrorOptions): TypeError {
  const shown = JSON.stringify(shownUrl(url));
  return new TypeError(`Cannot open a store as ${why}: current value is ${shown}`, options);
}
