/**
 * The bare tool of the servers that `http.ts` measures the session servers against: does what
 * `hashcheck_store` does, but for the sessions. Same arguments, same hash, same shape of the result and,
 * in place of the cookie, as many bytes. Deno writes a response of more than 512 bytes, head and body, in
 * two pieces, a good part of a call's cost.
 *
 * @module
 */

import { hash } from "node:crypto";
import { z } from "zod";
import { toolResult } from "../servers/base/mod.ts";

const NO_SESSION = `sess-${"0".repeat(32)}`;
const AS_LONG_AS_A_COOKIE = { "bench/filling": "x".repeat(183) };

/** The arguments of the tool. */
export const INPUT = { key: z.string(), text: z.string() };

/** The structured content of its result. */
export const OUTPUT = {
  action: z.literal("store"),
  key: z.string(),
  algorithm: z.literal("sha256"),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  session_id: z.string(),
};

export function storeNothing({ key, text }: { key: string; text: string }) {
  const digest = hash("sha256", text);
  const stored = toolResult(`Stored sha256 ${digest} under ${JSON.stringify(key)}.`, {
    action: "store",
    key,
    algorithm: "sha256",
    hash: digest,
    session_id: NO_SESSION,
  });
  return { ...stored, _meta: AS_LONG_AS_A_COOKIE };
}
