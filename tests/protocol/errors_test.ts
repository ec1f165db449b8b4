import { assertEquals } from "@std/assert";
import { sessionRequired } from "../../protocol/errors.ts";

const NEXT = 'Send session/create, then call again with its cookie in _meta["mcp/session"].';

Deno.test.each<readonly [error: ReturnType<typeof sessionRequired>, reason: string, text: string]>([
  [sessionRequired("missing"), "missing", `The request carries no session cookie. ${NEXT}`],
  [
    sessionRequired("missing", true),
    "missing",
    "The request carries no session cookie. Its conversation would count if the caller were " +
    `authenticated, by a token for example. ${NEXT}`,
  ],
  [
    sessionRequired("malformed"),
    "malformed",
    `The request's session cookie has no valid id. ${NEXT}`,
  ],
  [
    sessionRequired("unknown"),
    "unknown",
    `There is no such session; it may have expired or been deleted. ${NEXT}`,
  ],
  [
    sessionRequired("ended"),
    "ended",
    "The session ended while the tool ran, and its later changes were not kept. See what it has " +
    "done before calling again.",
  ],
])("sessionRequired: %o", (error, reason, text) => {
  assertEquals([error.code, error.data], [-32002, { reason }]);
  assertEquals(error.message, `Session required. ${text}`);
});
