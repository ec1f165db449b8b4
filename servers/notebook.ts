/**
 * Notebook: each session has its own notes, which outlive the connection and the process.
 *
 *     deno run -A servers/notebook.ts
 *
 * @module
 */

import { z } from "zod";
import {
  currentSession,
  type Json,
  McpServer,
  serve,
  type Session,
  toolResult,
  VERSION,
} from "./base/serve/mod.ts";

const Note = z.object({ text: z.string(), timestamp: z.string() });
const Span = z.object({ first: z.number(), last: z.number() });

/** Each tool adds the hints that are true of it. */
const NO_HINTS = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: false,
  openWorldHint: false,
};

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
    annotations: NO_HINTS,
  }, async ({ text }) => {
    const session = currentSession();
    const timestamp = new Date().toISOString();
    const note_number = await session.update(["span"], (state) => {
      const { first, last } = spanOf(state.get("span"));
      const number = last + 1;
      return {
        value: number - first + 1,
        set: [["span", { first, last: number }], [noteKey(number), { text, timestamp }]],
      };
    });
    const done = { action: "append", note_number, text, session_id: session.id };
    return toolResult(`Note ${note_number} is written.`, done);
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
    annotations: { ...NO_HINTS, readOnlyHint: true, idempotentHint: true },
  }, async () => {
    const session = currentSession();
    const notes = await readNotes(session);
    const lines = notes.map((note, index) => `${index + 1}. ${note.text}`);
    const done = { action: "read", session_id: session.id, notes, count: notes.length };
    return toolResult(lines.join("\n") || "The notebook is empty.", done);
  });

  server.registerTool("notebook_clear", {
    title: "Clear the notebook",
    description: "Removes all notes of this session for good.",
    outputSchema: { action: z.literal("clear"), session_id: z.string(), removed: z.number().int() },
    annotations: { ...NO_HINTS, destructiveHint: true, idempotentHint: true },
  }, async () => {
    const session = currentSession();
    // One transaction empties the notebook; the notes are deleted after that.
    const removed = await session.update(["span"], (state) => {
      const { first, last } = spanOf(state.get("span"));
      return { value: last - first + 1, set: [["span", { first: last + 1, last }]] };
    });
    await sweep(session);
    const done = { action: "clear", session_id: session.id, removed };
    return toolResult(`Notes removed: ${removed}.`, done);
  });

  server.registerTool("notebook_status", {
    title: "Notebook status",
    description: "Counts this session's notes and tool calls.",
    outputSchema: {
      session_id: z.string(),
      note_count: z.number().int(),
      tool_calls: z.number().int().describe("Tool calls of this session, this one included"),
    },
    annotations: { ...NO_HINTS, readOnlyHint: true },
  }, async () => {
    const session = currentSession();
    const { first, last } = spanOf(await session.get("span"));
    const note_count = last - first + 1;
    const tool_calls = await session.count();
    const status = { session_id: session.id, note_count, tool_calls };
    return toolResult(`Notes: ${note_count}, tool calls: ${tool_calls}.`, status);
  });

  return server;
}

/** Numbers of the first and the last note; a number is never used again. */
function spanOf(value: Json | undefined): { first: number; last: number } {
  return Span.parse(value ?? { first: 1, last: 0 });
}

/** The key of a note: numbers of one width, so that keys are in the order of the notes. */
function noteKey(number: number): string {
  return `note:${String(number).padStart(12, "0")}`;
}

/** Reads the notes that were there before and after the reading, so that a clear shows as a whole. */
async function readNotes(session: Session): Promise<z.infer<typeof Note>[]> {
  const { last } = spanOf(await session.get("span"));
  const entries = await Array.fromAsync(session.entries({ prefix: "note:" }));
  const { first } = spanOf(await session.get("span"));
  return entries
    .filter(([key]) => key >= noteKey(first) && key <= noteKey(last))
    .map(([, note]) => Note.parse(note));
}

/** Deletes the notes before the first one, with those that a crash has left. */
async function sweep(session: Session): Promise<void> {
  const { first } = spanOf(await session.get("span"));
  const entries = await Array.fromAsync(session.entries({ prefix: "note:" }));
  const old = entries.map(([key]) => key).filter((key) => key < noteKey(first));
  // A transaction takes up to 500 keys.
  for (let i = 0; i < old.length; i += 500) {
    const set = old.slice(i, i + 500).map((key) => [key, undefined] as const);
    await session.update([], () => ({ value: undefined, set }));
  }
}

if (import.meta.main) {
  await serve({
    name: "notebook",
    description: "keeps notes for each session",
    policy: "required",
    create,
  });
}
