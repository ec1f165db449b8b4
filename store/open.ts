/**
 * Opens a store by its URL, as people write it on a command line.
 *
 * @module
 */

import { checkLimits, checkText, checkTimeout, DEFAULT_TIMEOUT_MS } from "./validation.ts";
import { stateFile } from "../runtime/state_folder.ts";
import { system } from "../runtime/deno_version.ts";
import type { StoreInspector } from "./inspection.ts";
import type { SessionStore, StoreLimits } from "./session_store.ts";
import { cannotOpen, parseStoreUrl } from "./store_url.ts";

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
  checkText("namespace", options.namespace);
  checkLimits(options.limits);
  const { scheme, place } = await parseStoreUrl(url);
  // A server has one store, and loads only that.
  switch (scheme) {
    case "memory":
      return async () => {
        const { MemoryStore } = await import("./memory/memory_store.ts");
        return new MemoryStore(options);
      };
    case "file":
      return async () => {
        const { FileStore } = await import("./file/file_store.ts");
        return await FileStore.open(place, options);
      };
    case "kv": {
      const bounded = withTimeout(options);
      return async () => {
        const { openKvStore } = await import("./kv/open_kv_store.ts");
        return await openKvStore(place, bounded);
      };
    }
    case "sqlite":
      return async () => {
        const { SqliteStore } = await import("./sqlite/sqlite_store.ts");
        return await SqliteStore.open(place, options);
      };
    case "redis": {
      const bounded = withTimeout(options);
      return async () => {
        const { RedisStore } = await import("./redis/redis_store.ts");
        return await RedisStore.open(place, bounded);
      };
    }
    case "postgres": {
      const bounded = withTimeout(options);
      return async () => {
        const { PostgresStore } = await import("./postgres/postgres_store.ts");
        return await PostgresStore.open(place, bounded);
      };
    }
  }
}

function withTimeout({ timeoutMs, warn = console.warn, ...options }: OpenStoreOptions) {
  return { ...options, warn, timeoutMs: checkedTimeout(timeoutMs) };
}

/** A longer one than a timer takes is cut. */
function checkedTimeout(timeoutMs = DEFAULT_TIMEOUT_MS): number {
  return checkTimeout("timeoutMs", timeoutMs);
}

/** Options of {@linkcode openInspector}. */
export interface OpenInspectorOptions {
  /** The time in milliseconds since 1970. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** The timeout of opening a database, and of a read of it, in milliseconds. @default 10_000 */
  readonly timeoutMs?: number | undefined;
}

/**
 * Opens what the URL of a store names, as {@linkcode openStore} takes it, to inspect it: beside those that
 * use it, and without a change of it. A database that is read-only for its user will do, and a replica; but
 * an SQLite database or a Deno KV that nobody uses takes a user who may write it.
 *
 * @throws {TypeError} if the URL names no store, or one in memory, which only its own process can inspect.
 * @throws {RangeError} if `timeoutMs` is not a number from 0.
 * @throws {StoreError} if there is no store, or it cannot be read; the message says what to do.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { openInspector, openStore } from "@mcp-sessions/deno/store";
 *
 * const folder = await Deno.makeTempDir();
 * {
 *   await using store = await openStore(`file:${folder}/sessions.jsonl`, { namespace: "example" });
 *   await using inspector = await openInspector(`file:${folder}/sessions.jsonl`);
 *   assertEquals(await inspector.servers(), []);
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function openInspector(
  url: string,
  { now = Date.now, timeoutMs }: OpenInspectorOptions = {},
): Promise<StoreInspector> {
  const { scheme, place } = await parseStoreUrl(url);
  const options = { now, timeoutMs: checkedTimeout(timeoutMs) };
  switch (scheme) {
    case "memory":
      throw cannotOpen("only its own process can inspect a store in memory", url);
    case "file": {
      const { inspectFile } = await import("./file/file_inspector.ts");
      return await inspectFile(place, now);
    }
    case "kv": {
      const { inspectKv } = await import("./kv/kv_inspector.ts");
      return await inspectKv(place, options);
    }
    case "sqlite": {
      const { inspectSqlite } = await import("./sqlite/sqlite_inspector.ts");
      return await inspectSqlite(place, options);
    }
    case "redis": {
      const { inspectRedis } = await import("./redis/redis_inspector.ts");
      return await inspectRedis(place, options);
    }
    case "postgres": {
      const { inspectPostgres } = await import("./postgres/postgres_inspector.ts");
      return await inspectPostgres(place, options);
    }
  }
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
