/**
 * Opens Deno KV, in a file or remote, with a timeout and errors that say what to do.
 *
 * @module
 */

import { resolve } from "node:path";
import { DEFAULT_TIMEOUT_MS } from "../validation.ts";
import { within } from "../../runtime/time_limit.ts";
import { noteInFile } from "./kv_limits.ts";
import { kvError, reasonOf, requireDenoKv } from "./kv_error.ts";
import { makePrivateFile } from "../private_file.ts";
import { rethrow } from "../errors.ts";
import { statIfAny } from "../journal/fs.ts";
import { DatabaseSync } from "node:sqlite";
import { hasTables, isDenoKv } from "../sqlite/layout.ts";
import { messageOf } from "../../runtime/errors.ts";
import { followLinks } from "../journal/links.ts";
import { checkReader } from "../log_file.ts";
import { StoreError } from "../session_store.ts";

const PAUSE_MS = 200;
/** Pauses while others make the file have a random length up to this. */
const LOCKED_PAUSE_MS = 50;

export interface OpenKvOptions {
  readonly warn: (message: string) => void;
  /** The timeout of opening, in milliseconds. @default 10_000 */
  readonly timeoutMs?: number | undefined;
  /** Whether a file that is missing is an error, and none is made. @default false */
  readonly mustExist?: boolean;
}

/** Opens the KV at a path or an `http(s):` URL. */
export async function openKv(
  place: string,
  { warn, timeoutMs = DEFAULT_TIMEOUT_MS, mustExist = false }: OpenKvOptions,
): Promise<Deno.Kv> {
  requireDenoKv();
  if (typeof Deno.openKv !== "function") {
    throw new StoreError("unavailable", "Cannot open Deno KV: run Deno with --unstable-kv");
  }
  return /^https?:/.test(place)
    ? await openRemote(place, timeoutMs)
    : await openFile(filePath(place, warn, mustExist), timeoutMs);
}

/** The path behind symbolic links. */
function filePath(place: string, warn: (message: string) => void, mustExist: boolean): string {
  try {
    if (!mustExist) {
      const path = makePrivateFile(place, { what: "Deno KV", warn });
      checkKind(path);
      return path;
    }
    const path = followLinks(resolve(place));
    // An empty file would be made a KV.
    if ((statIfAny(path)?.size ?? 0) > 0) {
      checkReader(path);
      checkKind(path);
      return path;
    }
  } catch (error) {
    rethrow(error);
  }
  throw new StoreError("unavailable", `There is no Deno KV at ${place}: check the path`);
}

/** Refuses a store in SQLite: Deno KV would make its tables beside those, and have no session. */
function checkKind(path: string): void {
  let kind: string;
  try {
    using database = new DatabaseSync(path);
    if (isDenoKv(database) || !hasTables(database)) return;
    kind = `a store in SQLite; name it sqlite:${path}, or use another file`;
  } catch (cause) {
    // Of all else Deno KV says what it is.
    if (!messageOf(cause).startsWith("file is not a database")) return;
    kind = "no Deno KV; it was not changed, use another file";
  }
  throw new StoreError("unavailable", `Cannot open Deno KV at ${path}: it is ${kind}`);
}

async function openFile(path: string, timeoutMs: number): Promise<Deno.Kv> {
  const what = `Cannot open Deno KV at ${path}`;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return noteInFile(await openWithin(timeoutMs, deadline, path, what));
    } catch (error) {
      // Processes that make the file at the same moment may find it locked.
      const isLocked = error instanceof StoreError && error.code === "locked";
      if (!isLocked || performance.now() + LOCKED_PAUSE_MS > deadline) throw error;
    }
    await new Promise((go) => setTimeout(go, Math.random() * LOCKED_PAUSE_MS));
  }
}

/** Opens a KV before the deadline, and closes one that is opened later. */
async function openWithin(
  timeoutMs: number,
  deadline: number,
  place: string,
  what: string,
): Promise<Deno.Kv> {
  const opening = Deno.openKv(place);
  let kv: Deno.Kv | undefined;
  try {
    kv = await within(deadline - performance.now(), opening);
  } catch (cause) {
    throw new StoreError(kvError(cause).code, `${what}: ${reasonOf(cause)}`, { cause });
  }
  if (kv !== undefined) return kv;
  opening.then((late) => late.close(), () => {});
  const reason = `Deno KV did not answer within ${timeoutMs / 1000} seconds`;
  throw new StoreError(
    "unavailable",
    `${what}: ${reason}: see whether it runs and can be reached`,
  );
}

async function openRemote(url: string, timeoutMs: number): Promise<Deno.Kv> {
  if (!Deno.env.get("DENO_KV_ACCESS_TOKEN")) {
    throw new StoreError(
      "unavailable",
      "Cannot open a remote Deno KV without its token: set DENO_KV_ACCESS_TOKEN",
    );
  }
  const deadline = performance.now() + timeoutMs;
  // A URL may have a name and a password.
  const shown = url.replace(/\/\/[^/?#]*@/, "//…@");
  for (;;) {
    try {
      return await openWithin(timeoutMs, deadline, url, `Cannot open Deno KV at ${shown}`);
    } catch (cause) {
      const reason = reasonOf(cause).replace("Could not open Deno KV database: ", "");
      // A server that was just started, or is overloaded, answers with such a status.
      if (!/ status 5\d\d /.test(reason) || performance.now() > deadline - PAUSE_MS) {
        const remedy = / status 40[13] /.test(reason)
          ? " (is what DENO_KV_ACCESS_TOKEN has its token?)"
          : "";
        throw new StoreError("unavailable", `${reason}${remedy}`, { cause });
      }
    }
    await new Promise((go) => setTimeout(go, PAUSE_MS));
  }
}
