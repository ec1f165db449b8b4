/**
 * The URL of a store: what it names, and how messages show it.
 *
 * @module
 */

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expandHome } from "../runtime/state_folder.ts";

/** What a store's URL names. */
export interface StorePlace {
  readonly scheme: "memory" | "file" | "kv" | "sqlite" | "redis" | "postgres";
  /** An absolute path, or a URL; empty in memory. */
  readonly place: string;
}

/**
 * Reads the URL of a store, as `openStore` takes it.
 *
 * @throws {TypeError} if it is none, or the environment does not say where `~/` is.
 */
export async function parseStoreUrl(url: string): Promise<StorePlace> {
  const [, scheme, rest] = /^([a-z][a-z\d+.-]+):(.*)$/is.exec(url) ?? [];
  if (scheme === undefined || rest === undefined) {
    throw cannotOpen("its URL has no scheme (write file:PATH for a file)", url);
  }
  switch (scheme) {
    case "memory":
      if (rest !== "") throw cannotOpen("nothing can follow its scheme", url);
      return { scheme, place: "" };
    case "file":
      return { scheme, place: filePath(url, rest) };
    case "kv":
      if (rest === "") throw cannotOpen("its URL has no path (write kv:PATH or kv:https://…)", url);
      return { scheme, place: /^https?:/.test(rest) ? rest : localPath(url, rest) };
    case "sqlite":
      if (rest === ":memory:") throw cannotOpen("it is in memory (write memory:)", url);
      return { scheme, place: filePath(url, rest) };
    case "redis":
    case "rediss": {
      const { redisPlace } = await import("./redis/url.ts");
      redisPlace(url);
      return { scheme: "redis", place: url };
    }
    case "postgres":
    case "postgresql": {
      const { parsePostgresUrl } = await import("./postgres/postgres_url.ts");
      parsePostgresUrl(url);
      return { scheme: "postgres", place: url };
    }
    default:
      throw cannotOpen("its scheme is none of memory, file, sqlite, redis, postgres and kv", url);
  }
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

/** An error that tells no user and no password. */
export function cannotOpen(why: string, url: string, options?: ErrorOptions): TypeError {
  const shown = JSON.stringify(shownUrl(url));
  return new TypeError(`Cannot open a store as ${why}: current value is ${shown}`, options);
}
