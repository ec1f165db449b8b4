/**
 * The notebook: each session has its own notes, and they outlive the connection and the process.
 *
 *     deno run -A servers/notebook.ts
 *
 * @module
 */

import { z } from "zod";
import { answer, currentSession, McpServer, serve, VERSION } from "./base/mod.ts";

const Note = z.object({ text: z.string(), timestamp: z.string() });

function create(): McpServer {
  const server = new McpServer({ name: "notebook", version: VERSION }, {
    instructions: "A notebook that belongs to this session. notebook_append adds a note, " +
      "notebook_read gives all of them in order, notebook_status counts them, and notebook_clear " +
      "removes them for good.",
  });

  server.registerTool("notebook_append", {
    title: "Append a note",
    description: "Adds a note at the end of this session's notebook.",
    inputSchema: { text: z.string().describe("The note") },
    outputSchema: {
      action: z.literal("append"),
      note_number: z.number().int().describe("Its place in the notebook, from 1"),
      text: z.string(),
      session_id: z.string(),
    },
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false },
  }, async ({ text }) => {
    const session = currentSession();
    const timestamp = new Date().toISOString();
    const note_number = await session.update(["count"], (state) => {
      const number = Number(state.get("count") ?? 0) + 1;
      return { value: number, set: [["count", number], [noteKey(number), { text, timestamp }]] };
    });
    const done = { action: "append", note_number, text, session_id: session.id };
    return answer(`Note ${note_number} is written.`, done);
  });

  server.registerTool("notebook_read", {
    title: "Read the notebook",
    description: "Gives all notes of this session, oldest first.",
    outputSchema: {
      action: z.literal("read"),
      session_id: z.string(),
      notes: z.array(Note),
      count: z.number().int(),
    },
    annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
  }, async () => {
    const session = currentSession();
    const notes: z.infer<typeof Note>[] = [];
    for await (const [, note] of session.entries({ prefix: "note:" })) notes.push(Note.parse(note));
    const lines = notes.map((note, index) => `${index + 1}. ${note.text}`);
    return answer(lines.join("\n") || "The notebook is empty.", {
      action: "read",
      session_id: session.id,
      notes,
      count: notes.length,
    });
  });

  server.registerTool("notebook_clear", {
    title: "Clear the notebook",
    description: "Removes all notes of this session for good.",
    outputSchema: {
      action: z.literal("clear"),
      session_id: z.string(),
      removed: z.number().int(),
    },
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true },
  }, async () => {
    const session = currentSession();
    // All that there is, but for the count itself, is notes.
    const removed = Math.max(0, await session.clear() - 1);
    return answer(`Notes removed: ${removed}.`, {
      action: "clear",
      session_id: session.id,
      removed,
    });
  });

  server.registerTool("notebook_status", {
    title: "Notebook status",
    description: "Counts this session's notes and tool calls.",
    outputSchema: {
      session_id: z.string(),
      note_count: z.number().int(),
      tool_calls: z.number().int().describe("Tool calls of this session, this one included"),
    },
    annotations: { readOnlyHint: true, idempotentHint: false, openWorldHint: false },
  }, async () => {
    const session = currentSession();
    const note_count = Number(await session.get("count") ?? 0);
    const tool_calls = await session.count();
    const status = { session_id: session.id, note_count, tool_calls };
    return answer(`Notes: ${note_count}, tool calls: ${tool_calls}.`, status);
  });

  return server;
}

/** Numbers of one width, so that the order of the keys is the order of the notes. */
function noteKey(number: number): string {
  return `note:${String(number).padStart(12, "0")}`;
}

if (import.meta.main) {
  await serve({
    name: "notebook",
    description: "keeps notes for each session",
    policy: "required",
    create,
  });
}
