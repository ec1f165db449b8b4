/**
 * Refusals of a call without a live session: by -32002, or in words by a server that knows no code.
 *
 * @module
 */

import { CODE } from "../../protocol/errors.ts";
import { member } from "../../runtime/json.ts";
import type { JSONRPCErrorResponse, JSONRPCRequest } from "../sdk.ts";

/** Whether an error refuses the request by -32002, which only for `tools/call` means a session. */
export function isSessionRequired(
  { method }: JSONRPCRequest,
  { error }: JSONRPCErrorResponse,
): boolean {
  return method === "tools/call" && error.code === CODE.sessionRequired;
}

/** Words before "session" ("no such session") and after it ("the session x was not found"). */
const BEFORE = "no|not in|needs?|requires?|without|outside|unknown|invalid|expired|missing";
const AFTER = "required|needed|missing|unknown|invalid|expired|ended|closed|gone|lost|not found|" +
  "not exist|no longer|timed out|first";
const REFUSAL = new RegExp(
  `\\bsession/create\\b|\\b(?:${BEFORE})(?: \\S+){0,2} sessions?\\b|` +
    `\\bsessions?(?: \\S+){0,3} (?:${AFTER})\\b`,
  "i",
);
const SESSION = /\bsessions?\b/i;

/**
 * Whether the `isError` result of a `tools/call` refuses the call for want of a session. A call that
 * speaks of sessions itself, in the tool's name or arguments, tells nothing: its failure may only
 * repeat that.
 */
export function refusesInWords(params: unknown, result: unknown): boolean {
  const content = member(result, "content");
  const call = [member(params, "name"), member(params, "arguments")];
  return Array.isArray(content) &&
    content.some((block) => REFUSAL.test(`${member(block, "text")}`)) &&
    !SESSION.test(JSON.stringify(call));
}
