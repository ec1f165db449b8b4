/**
 * Messages to models about their sessions, in words that they can act on. No word of cookies, which a
 * model never sees.
 *
 * @module
 */

import type { HeldCookie } from "../protocol/cookie.ts";
import { isObject, member } from "../runtime/json.ts";
import { type HandleArgument, howToGetOne } from "./session_tools.ts";

type Result = Record<string, unknown>;

/** A result that tells the model what went wrong, and what to do next. */
export function failed(text: string): Result {
  return { content: [{ type: "text", text }], isError: true };
}

/** The result of a call that needs a session and names none. */
export function noHandle(argument: HandleArgument, remark = ""): Result {
  return failed(
    `This call needs a session, and names none. Nothing was done.${remark} To make one, ` +
      `${howToGetOne(argument)}. If you have a handle already, call again with it.`,
  );
}

export const NOT_AUTHENTICATED =
  " The host tells a conversation, which would count if the server " +
  "had authenticated the caller, by a token for example.";

/**
 * The result of a call that needs a session, of a tool that takes no handle. An anonymous caller has no
 * session by name, either.
 */
export function takesNoHandle(isAnonymous: boolean, remark = ""): Result {
  const help = isAnonymous
    ? "authenticate its callers, and give each a session of a name"
    : "give such calls a session of a name";
  return failed(
    "This tool needs a session, and its arguments have no place for one. Nothing was done." +
      `${remark} Tell the user that whoever runs the server can ${help}.`,
  );
}

/** The result of a call that needs a session, of a tool that is not listed. */
export function unlistedTool(argument: HandleArgument): Result {
  return failed(
    "The server lists no tool of this name, and this call has no session. Nothing was done. See which " +
      `tools are listed; for a session, ${howToGetOne(argument)}.`,
  );
}

/** The result of a call whose handle leads to no session. */
export function deadHandle(argument: HandleArgument): Result {
  return failed(
    "There is no session with this handle: it may have expired or been ended. Nothing was done. To " +
      `go on with an empty session, ${howToGetOne(argument)}.`,
  );
}

/** The result of a call whose session ended while the tool ran. */
export function endedMeanwhile(argument: HandleArgument): Result {
  return failed(
    "The session ended while the tool ran, and later changes were not kept. See what the tool has " +
      `done before calling it again; for an empty session, ${howToGetOne(argument)}.`,
  );
}

export function withText(result: Result, text: string): Result {
  return { ...result, content: [...contentOf(result), { type: "text", text }] };
}

/** The content that models see: many hosts show the structured content only if there is no other. */
function contentOf({ content, structuredContent }: Result): readonly unknown[] {
  if (Array.isArray(content) && content.length > 0) return content;
  if (!isObject(structuredContent)) return [];
  return [{ type: "text", text: JSON.stringify(structuredContent) }];
}

/** The text about a lazy session, made for a call that named none. */
export function newSession({ id, expiry }: HeldCookie, argument: HandleArgument): string {
  return `This call named no session and ran in a new one: ${id}. To go on in it, pass this handle as ` +
    `the argument "${argument}" of further calls; a call without it does not find what this one has ` +
    `kept.${keptUntil(expiry)}`;
}

/** The text about a session that the server found for a call that named none. */
export function foundSession({ id }: HeldCookie, argument: HandleArgument): string {
  return `This call named no session, and the server found one for it: ${id}. It finds it again for ` +
    `further calls here. To use it elsewhere, pass this handle as the argument "${argument}".`;
}

export function newHandle(handle: string): string {
  return `The session has another handle from now on: ${handle}`;
}

export function sessionEnded(argument: HandleArgument): string {
  return `This session has ended. For an empty one, ${howToGetOne(argument)}.`;
}

export function created(cookie: unknown, argument: HandleArgument): Result {
  const session = shown(cookie);
  const named = session.title === undefined ? "" : ` (${session.title})`;
  const text = `Session ${session.session}${named} is made. Pass its handle as the argument ` +
    `"${argument}" of every call that is to use it.${keptUntil(session.expiry)}`;
  return { content: [{ type: "text", text }], structuredContent: session };
}

export function listed(
  cookies: readonly unknown[],
  hasMore: boolean,
  argument: HandleArgument,
): Result {
  const sessions = cookies.map(shown);
  const lines = sessions.map(({ session, title, expiry }) =>
    [session, title, expiry && `ends ${expiry} unless it is used`].filter(Boolean).join(", ")
  );
  if (sessions.length === 0) {
    lines.push(
      "No session can be listed here; a handle that you have is still good. To get one, " +
        `${howToGetOne(argument)}.`,
    );
  }
  if (hasMore) lines.push("There are more.");
  return {
    content: [{ type: "text", text: lines.join("\n") }],
    structuredContent: { sessions, has_more: hasMore },
  };
}

export function ended(handle: string): Result {
  return {
    content: [{ type: "text", text: `Session ${handle} has ended.` }],
    structuredContent: { session: handle, ended: true },
  };
}

function keptUntil(expiry: unknown): string {
  return expiry === undefined ? "" : ` It is kept until ${expiry}, and longer as it is used.`;
}

/** A session as models see it; other servers may leave out title and expiry. */
function shown(cookie: unknown): { session?: unknown; title?: unknown; expiry?: unknown } {
  const title = member(member(cookie, "data"), "title");
  const expiry = member(cookie, "expiry");
  return {
    session: isObject(cookie) ? cookie.id : undefined,
    ...(title !== undefined && { title }),
    ...(expiry !== undefined && { expiry }),
  };
}
