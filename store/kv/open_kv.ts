/**
 * Opens Deno KV, in a file or remote, with a timeout and errors that say what to do.
 *
 * @module
 */

import { resolve } from "node:path";
import { inheritFolderOwner } from "../journal/file_ownership.ts";
import { fileError, statIfAny } from "../journal/fs.ts";
import { Folders } from "../journal/folder.ts";
import { DEFAULT_TIMEOUT_MS, KvOperation, reasonOf } from "./operation.ts";
import { followLinks, refuseHardLink } from "../journal/links.ts";
import { rethrow } from "../errors.ts";
import { StoreError } from "../session_store.ts";

const PAUSE_MS = 200;

export interface OpenKvOptions {
  readonly warn: (message: string) => void;
  /** The timeout of opening, in milliseconds. @default 10_000 */
  readonly timeoutMs?: number | undefined;
}

/** Opens the KV at a path or an `http(s):` URL. */
export async function openKv(
  place: string,
  { warn, timeoutMs = DEFAULT_TIMEOUT_MS }: OpenKvOptions,
): Promise<Deno.Kv> {
  if (typeof Deno.openKv !== "function") {
    throw new StoreError("unavailable", "Cannot open Deno KV: run Deno with --unstable-kv");
  }
  return /^https?:/.test(place)
    ? await openRemote(place, timeoutMs)
    : await openFile(place, warn, timeoutMs).catch(rethrow);
}

async function openFile(
  place: string,
  warn: (message: string) => void,
  timeoutMs: number,
): Promise<Deno.Kv> {
  const path = followLinks(resolve(place));
  const what = `Cannot open Deno KV at ${path}`;
  const operation = new KvOperation(timeoutMs);
  new Folders(warn).make(path);
  // SQLite would make it readable for everyone; its own files beside it copy its owner and mode.
  makePrivate(path, what);
  // Processes that make the file at the same moment may find it locked.
  return await operation.retry(() => openWithin(operation, path, what));
}

/** Makes a missing file with a mode for its owner alone. */
function makePrivate(path: string, what: string) {
  const found = statIfAny(path);
  // SQLite would give each name a log of its own.
  if (found !== undefined) refuseHardLink(path, found);
  try {
    using file = Deno.openSync(path, { append: true, create: true, mode: 0o600 });
    if (found === undefined) inheritFolderOwner(path, file);
  } catch (cause) {
    throw fileError(what, cause);
  }
}

/** Opens a KV before the deadline, and closes one that is opened later. */
async function openWithin(operation: KvOperation, place: string, what: string): Promise<Deno.Kv> {
  const opening = Deno.openKv(place);
  try {
    return await operation.call(() => opening);
  } catch (cause) {
    opening.then((kv) => kv.close(), () => {});
    if (!(cause instanceof StoreError)) throw cause;
    // The cause is Deno's error; a timeout has none.
    const reason = reasonOf(cause.cause ?? cause);
    throw new StoreError(cause.code, `${what}: ${reason}`, { cause });
  }
}

async function openRemote(url: string, timeoutMs: number): Promise<Deno.Kv> {
  if (!Deno.env.get("DENO_KV_ACCESS_TOKEN")) {
    throw new StoreError(
      "unavailable",
      "Cannot open a remote Deno KV without its token: set DENO_KV_ACCESS_TOKEN",
    );
  }
  const operation = new KvOperation(timeoutMs);
  const lastTry = performance.now() + timeoutMs - PAUSE_MS;
  for (;;) {
    try {
      return await openWithin(operation, url, `Cannot open Deno KV at ${url}`);
    } catch (cause) {
      const reason = reasonOf(cause).replace("Could not open Deno KV database: ", "");
      // A server that was just started, or is overloaded, answers with such a status.
      if (!/ status 5\d\d /.test(reason) || performance.now() > lastTry) {
        const remedy = / status 40[13] /.test(reason)
          ? " (is what DENO_KV_ACCESS_TOKEN has its token?)"
          : "";
        throw new StoreError("unavailable", `${reason}${remedy}`, { cause });
      }
    }
    await new Promise((go) => setTimeout(go, PAUSE_MS));
  }
}
