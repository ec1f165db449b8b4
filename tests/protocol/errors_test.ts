import { assertEquals } from "@std/assert";
import { type RequiredReason, sessionRequired } from "../../protocol/errors.ts";

const NEXT = 'Send session/create, then call again with its cookie in _meta["mcp/session"].';

Deno.test.each<readonly [reason: RequiredReason, ignoresConversation: boolean, text: string]>([
  ["missing", false, `The request carries no session cookie. ${NEXT}`],
  [
    "missing",
    true,
    "The request carries no session cookie. Its conversation would count if the caller were " +
    `authenticated, by a token for example. ${NEXT}`,
  ],
  ["malformed", false, `The request's session cookie has no valid id. ${NEXT}`],
  ["unknown", false, `There is no such session; it may have expired or been deleted. ${NEXT}`],
  [
    "ended",
    false,
    "The session ended while the tool ran, and its later changes were not kept. See what it has " +
    "done before calling again.",
  ],
])("sessionRequired: %s, with a conversation that does not count: %s", (reason, ignored, text) => {
  const error = sessionRequired(reason, ignored);
  assertEquals([error.code, error.data], [-32002, { reason }]);
  assertEquals(error.message, `Session required. ${text}`);
});
