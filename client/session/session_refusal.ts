/**
 * Refusals of a call without a live session: by code, or in words by servers that know none.
 *
 * @module
 */

import { resultCookie } from "../../protocol/cookie.ts";
import { CODE } from "../../protocol/errors.ts";
import { member } from "../../runtime/json.ts";
import type { PendingRequest } from "./pending_requests.ts";

/** The codes of a refusal, in each era. */
const CODES: readonly number[] = [CODE.sessionRequired, CODE.modernSessionRequired];

/** Words before "session" ("no such session") and after it ("the session x was not found"). */
const BEFORE = "no|not in|needs?|requires?|without|outside|unknown|invalid|expired|missing";
const AFTER = "required|needed|missing|unknown|invalid|expired|ended|closed|gone|lost|not found|" +
  "not exist|no longer|timed out|first";
/** Words that leave the session the subject: "session log" and "in this session" are others. */
const ADJECTIVE = "an?|the|such|of|valid|active|live|open|existing|current|expired|MCP|or";
const LINK = "ids?:?|with|is|was|are|were|has|have|had|been|be|does|do|did|could|can|already|a|" +
  "['\"`]\\S*|\\S*\\d\\S*";
const FOLLOWING =
  "ids?|is|was|has|for|to|with|in|before|first|found|exists?|available|provided|given";
const REFUSAL = new RegExp(
  "\\bsession/create\\b|" +
    `\\b(?:${BEFORE})(?: (?:${ADJECTIVE})){0,3} sessions?\\b` +
    `(?=[,:;!?)\\n]|\\.(?!\\w)|\\W*$| (?:${FOLLOWING})\\b| \\S*[\\d'"\`(])|` +
    `\\bsessions?:?(?: (?:${LINK})){0,4} (?:${AFTER})\\b`,
  "i",
);

/** Whether an error refuses a call. For other methods than `tools/call`, these codes mean no session. */
export function refusesByCode({ message }: PendingRequest, code: number): boolean {
  return message.method === "tools/call" && CODES.includes(code);
}

/** Whether a call that was refused by code has not run, and may be sent again. */
export function mayRetry(pending: PendingRequest, { data }: { data?: unknown }): boolean {
  // After "ended" the tool has run.
  return !pending.hasCallerCookie && !pending.isRetried && member(data, "reason") !== "ended";
}

/**
 * Whether a result may be a refusal in words. One with a cookie is none: it says itself what became of
 * the session.
 */
export function mayRefuse(
  { message, hasCallerCookie, key }: PendingRequest,
  result: unknown,
): boolean {
  return message.method === "tools/call" && !hasCallerCookie &&
    member(result, "isError") === true && resultCookie(result, key) === undefined;
}

/**
 * Whether the `isError` result of a `tools/call` refuses the call for want of a session. A call that
 * speaks of sessions itself, in the tool's name or arguments, tells nothing: its failure may only
 * repeat that.
 */
export function refusesInWords(params: unknown, result: unknown): boolean {
  const content = member(result, "content");
  return Array.isArray(content) &&
    content.some((block) => REFUSAL.test(`${member(block, "text")}`)) &&
    !/\bsessions?\b/i.test(`${member(params, "name")}`) &&
    !/session/i.test(JSON.stringify(member(params, "arguments") ?? {}));
}
