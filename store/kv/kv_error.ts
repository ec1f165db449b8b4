/**
 * The errors of Deno KV as those of a store.
 *
 * @module
 */

import { messageOf } from "../../runtime/errors.ts";
import { isDeno } from "../../runtime/deno_version.ts";
import { StoreError } from "../session_store.ts";

const MOST_REASON = 300;

/** The first line of an error: Deno may append all that a web server has answered. */
export function reasonOf(cause: unknown): string {
  const [line = ""] = messageOf(cause).split("\n");
  return line.slice(0, MOST_REASON);
}

/** @throws {StoreError} `unavailable`, in Node and Bun. */
export function requireDenoKv(): void {
  if (isDeno) return;
  throw new StoreError(
    "unavailable",
    "Cannot open Deno KV: it needs Deno; elsewhere use sqlite:PATH, redis: or postgres:",
  );
}

export function kvError(cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  const reason = reasonOf(cause);
  // From SQLite, when processes write to one file at once.
  if (reason.includes("database is locked")) {
    return new StoreError("locked", "Other processes kept the Deno KV file locked: try again", {
      cause,
    });
  }
  if (cause instanceof Deno.errors.BadResource) {
    return new StoreError("closed", "Deno KV was closed under the store: open both again", {
      cause,
    });
  }
  if (reason.includes("too large")) {
    return new StoreError("too_large", `Deno KV cannot take that much at once: ${reason}`, {
      cause,
    });
  }
  if (/disk is full/.test(reason)) {
    return new StoreError("full", "There is no room left for Deno KV: free some and try again", {
      cause,
    });
  }
  return new StoreError("unavailable", `Deno KV failed: ${reason}`, { cause });
}
