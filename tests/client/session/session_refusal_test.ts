/**
 * The words by which a failed call is known to be refused for want of a session.
 */

import { assertEquals } from "@std/assert";
import { refusesInWords } from "../../../client/session/session_refusal.ts";

const CALL = { name: "echo", arguments: { text: "x" } };

Deno.test.each<readonly [text: string, refuses: boolean]>([
  ["Error executing tool echo: Session required. Send session/create before calling tools.", true],
  ["Send session/create before calling tools.", true],
  ["Session not found for this tool. Establish one first.", true],
  ["The session sess-1 does not exist any more", true],
  ["Your session has expired", true],
  ["Session timed out", true],
  ["No active session", true],
  ["The call is not in a session", true],
  ["This tool requires a valid session.", true],
  ["Unknown session 'x'", true],
  ["Create a session first", true],
  ["No such file", false],
  ["Error executing tool echo: module 'mcp.types' has no attribute 'McpError'", false],
  ["Cannot open session log", false],
  ["Could not save session", false],
  ["The browser's session crashed", false],
  ["No space left on the disk for the log of this session", false],
  ["Session 12 is saved in part", false],
  ["No sessionStorage", false],
])("refusesInWords: %s (%s)", (text, refuses) => {
  assertEquals(refusesInWords(CALL, { isError: true, content: [{ type: "text", text }] }), refuses);
});

Deno.test("refusesInWords: a failure may only repeat what the call says", () => {
  const result = { isError: true, content: [{ type: "text", text: "No session 'x'" }] };
  assertEquals(refusesInWords(CALL, result), true);
  assertEquals(refusesInWords({ name: "fail", arguments: { key: "session" } }, result), false);
  assertEquals(refusesInWords({ name: "end session" }, result), false);
});

Deno.test("refusesInWords: reads every block, and content of any shape", () => {
  const block = { type: "text", text: "Session required" };
  assertEquals(refusesInWords(CALL, { content: [{ type: "image" }, null, block] }), true);
  for (const content of [undefined, "Session required", [], [7]]) {
    assertEquals(refusesInWords(CALL, { content }), false);
  }
});
