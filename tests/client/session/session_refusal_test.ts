/** The words by which a failed call is known to be refused for want of a session. */

import { assertEquals } from "@std/assert";
import { refusesInWords } from "../../../client/session/session_refusal.ts";

const CALL = { name: "echo", arguments: { text: "x" } };

Deno.test.each<readonly [text: string, refuses: boolean]>([
  ["Error executing tool echo: Session required. Send session/create before calling tools.", true],
  ["Send session/create before calling tools.", true],
  ["Session not found for this tool. Establish one first.", true],
  ["The session sess-1 does not exist any more", true],
  ["Session with id '7' was not found", true],
  ["Your session has expired", true],
  ["Session expired or invalid", true],
  ["Session timed out", true],
  ["Session ID is missing", true],
  ["Session: 'x' not found", true],
  ["No active session", true],
  ["No session.\nTraceback", true],
  ["No session found for id 7", true],
  ["Bad Request: No valid session ID provided", true],
  ["Missing session ID", true],
  ["invalid session", true],
  ["Invalid or expired session: 7", true],
  ["The call is not in a session", true],
  ["Outside of a session", true],
  ["This tool requires a valid session.", true],
  ["This tool needs a session to be created", true],
  ["Unknown session 'x'", true],
  ["Create a session first", true],
  ["No such file", false],
  ["Error executing tool echo: module 'mcp.types' has no attribute 'McpError'", false],
  ["Cannot open session log", false],
  ["Cannot open session log: file not found", false],
  ["Session log: not found", false],
  ["The session log is missing", false],
  ["Could not keep the value in a session", false],
  ["Session data was lost", false],
  ["Could not save session", false],
  ["The browser's session crashed", false],
  ["No space left on the disk for the log of this session", false],
  ["No notes in session", false],
  ["The key 'x' is not in this session", false],
  ["Unknown key in session", false],
  ["Invalid session timeout", false],
  ["Missing session name", false],
  ["Session 12 is saved in part", false],
  ["No sessionStorage", false],
  ["No session-log", false],
  ["No session.json", false],
  ["Sitzung abgelaufen", false],
  ["セッションが見つかりません", false],
])("refusesInWords: %s (%s)", (text, refuses) => {
  assertEquals(refusesInWords(CALL, { isError: true, content: [{ type: "text", text }] }), refuses);
});

Deno.test("refusesInWords: a failure may only repeat what the call says", () => {
  const result = { isError: true, content: [{ type: "text", text: "No session 'x'" }] };
  for (const args of [{ key: "session" }, { session_id: "x" }, { of: "sessionStorage" }]) {
    assertEquals(refusesInWords({ name: "fail", arguments: args }, result), false);
  }
  assertEquals(refusesInWords({ name: "end session" }, result), false);
  assertEquals(refusesInWords({ name: "session_probe" }, result), true);
});

Deno.test("refusesInWords: reads every block, and content of any shape", () => {
  const block = { type: "text", text: "Session required" };
  assertEquals(refusesInWords(CALL, { content: [{ type: "image" }, null, block] }), true);
  for (const content of [undefined, "Session required", [], [7]]) {
    assertEquals(refusesInWords(CALL, { content }), false);
  }
});
