/**
 * Opens Deno KV, a file's or a remote one, with an end to the wait and errors that say what to do.
 *
 * @module
 */

import { resolve } from "node:path";
import { fileError, makeFolder } from "./_files.ts";
import { DEFAULT_TIMEOUT_MS, KvCalls, reasonOf } from "./_kv_calls.ts";
import { StoreError } from "./store.ts";

const PAUSE_MS = 200;

/** Opens the KV at a path or an `http(s):` URL. */
export async function openKv(place: string, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<Deno.Kv> {
  if (typeof Deno.openKv !== "function") {
    throw new StoreError("unavailable", "Cannot open Deno KV: run Deno with --unstable-kv");
  }
  return /^https?:/.test(place) ? await openRemote(place, timeoutMs) : await openFile(place);
}

async function openFile(place: string): Promise<Deno.Kv> {
  const path = resolve(place);
  makeFolder(path);
  try {
    // SQLite would make it readable for everyone; its own files beside it copy this mode.
    Deno.openSync(path, { append: true, create: true, mode: 0o600 }).close();
    return await Deno.openKv(path);
  } catch (cause) {
    throw fileError(`Cannot open Deno KV at ${path}`, cause);
  }
}

async function openRemote(url: string, timeoutMs: number): Promise<Deno.Kv> {
  if (!Deno.env.get("DENO_KV_ACCESS_TOKEN")) {
    throw new StoreError(
      "unavailable",
      "Cannot open a remote Deno KV without its token: set DENO_KV_ACCESS_TOKEN",
    );
  }
  const calls = new KvCalls(timeoutMs);
  const lastTry = performance.now() + timeoutMs - PAUSE_MS;
  for (;;) {
    const opening = Deno.openKv(url);
    try {
      return await calls.call(() => opening);
    } catch (cause) {
      // One that is opened after all is nobody's.
      opening.then((kv) => kv.close(), () => {});
      // What Deno said is within what the call made of it; that it said nothing is not.
      const said = cause instanceof Error && cause.cause || cause;
      const reason = reasonOf(said).replace("Could not open Deno KV database: ", "");
      // A server that has just been started, or is overloaded, says so with such a status.
      if (!/ status 5\d\d /.test(reason) || performance.now() > lastTry) {
        const remedy = / status 40[13] /.test(reason)
          ? " (is what DENO_KV_ACCESS_TOKEN has its token?)"
          : "";
        const message = `Cannot open Deno KV at ${url}: ${reason}${remedy}`;
        throw new StoreError("unavailable", message, { cause });
      }
    }
    await new Promise((go) => setTimeout(go, PAUSE_MS));
  }
}
