/**
 * Hash check: keeps the SHA-256 of texts under keys, and tells later whether a text is still the same.
 * Each session has its own keys.
 *
 *     deno run -A servers/hashcheck.ts
 *
 * @module
 */

import { getBuiltinModule } from "node:process";
import { z } from "zod";
import { currentSession, McpServer, serve, toolResult, VERSION } from "./base/serve/mod.ts";

const algorithm = "sha256";
const Hash = z.string().regex(/^[0-9a-f]{64}$/);
const key = z.string().describe("The name that the hash is kept under");

/** Each tool adds the hints that are true of it. */
const NO_HINTS = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: false,
  openWorldHint: false,
};

function create(): McpServer {
  const server = new McpServer({ name: "hashcheck", version: VERSION }, {
    instructions: "Store the SHA-256 of a text under a key with hashcheck_store, and find out " +
      "later with hashcheck_verify whether a text is the same. hashcheck_list shows this " +
      "session's keys, hashcheck_delete removes one.",
  });

  server.registerTool("hashcheck_store", {
    title: "Store a hash",
    description: "Keeps the SHA-256 of a text under a key, in place of what was there.",
    inputSchema: { key, text: z.string().describe("The text to hash; it is not kept") },
    outputSchema: {
      action: z.literal("store"),
      key: z.string(),
      algorithm: z.literal(algorithm),
      hash: Hash,
      session_id: z.string(),
    },
    // A hint is per tool, so its worst call decides: a new key costs nothing, but storing under an
    // existing one loses the hash that a text would have been checked against.
    annotations: { ...NO_HINTS, destructiveHint: true, idempotentHint: true },
  }, async ({ key, text }) => {
    const session = currentSession();
    const hash = sha256(text);
    await session.set(key, hash);
    const done = { action: "store", key, algorithm, hash, session_id: session.id };
    return toolResult(`Stored ${algorithm} ${hash} under ${JSON.stringify(key)}.`, done);
  });

  server.registerTool("hashcheck_verify", {
    title: "Verify a text",
    description: "Tells whether a text has the hash that is kept under a key.",
    inputSchema: { key, text: z.string().describe("The text to compare") },
    outputSchema: {
      found: z.boolean().describe("Is there a hash under this key?"),
      match: z.boolean(),
      key: z.string(),
      stored_hash: Hash.nullable(),
      provided_hash: Hash,
      algorithm: z.literal(algorithm),
    },
    annotations: { ...NO_HINTS, readOnlyHint: true, idempotentHint: true },
  }, async ({ key, text }) => {
    const session = currentSession();
    const provided_hash = sha256(text);
    const stored_hash = await session.get(key) ?? null;
    const found = stored_hash !== null;
    const match = stored_hash === provided_hash;
    const verdict = match ? "MATCH" : "MISMATCH";
    const name = JSON.stringify(key);
    return toolResult(found ? `${verdict} for key ${name}.` : `The key ${name} is not found.`, {
      found,
      match,
      key,
      stored_hash,
      provided_hash,
      algorithm,
    });
  });

  server.registerTool("hashcheck_list", {
    title: "List hashes",
    description: "Gives all keys of this session with their hashes.",
    outputSchema: {
      action: z.literal("list"),
      session_id: z.string(),
      entries: z.record(z.string(), Hash).describe("The hashes, by key"),
      count: z.number().int(),
    },
    annotations: { ...NO_HINTS, readOnlyHint: true, idempotentHint: true },
  }, async () => {
    const session = currentSession();
    const hashes = await Array.fromAsync(session.entries());
    const lines = hashes.map(([key, hash]) => `${JSON.stringify(key)}: ${hash}`);
    return toolResult(lines.join("\n") || "No hashes are stored.", {
      action: "list",
      session_id: session.id,
      entries: Object.fromEntries(hashes),
      count: hashes.length,
    });
  });

  server.registerTool("hashcheck_delete", {
    title: "Delete a hash",
    description: "Removes a key and its hash.",
    inputSchema: { key },
    outputSchema: {
      action: z.literal("delete"),
      key: z.string(),
      deleted: z.boolean().describe("false if there was no such key"),
      session_id: z.string(),
    },
    annotations: { ...NO_HINTS, destructiveHint: true, idempotentHint: true },
  }, async ({ key }) => {
    const session = currentSession();
    const deleted = await session.delete(key);
    const name = JSON.stringify(key);
    const done = { action: "delete", key, deleted, session_id: session.id };
    return toolResult(deleted ? `Deleted ${name}.` : `The key ${name} is not found.`, done);
  });

  return server;
}

let hash: typeof import("node:crypto").hash | undefined;

function sha256(text: string): string {
  if (!text.isWellFormed()) {
    throw new TypeError("A text must be well-formed Unicode: it has a lone surrogate");
  }
  // Without a wait, which would take longer than the hash. Imported by the first one: it would delay
  // every start.
  hash ??= getBuiltinModule("node:crypto").hash;
  return hash(algorithm, text);
}

if (import.meta.main) {
  await serve({
    name: "hashcheck",
    description: "remembers hashes of texts and checks texts against them",
    policy: "required",
    create,
  });
}
