/**
 * All tools of a server: `tools/list`, page by page, within a bound.
 *
 * @module
 */

import { member } from "../runtime/json.ts";

// A server may go on making up pages.
const MAX_PAGES = 1_000;

/**
 * The tools on all pages; `undefined` if a page has no list of tools, an error if `ask` throws one. The
 * last page has no cursor that is a text, or one that was there before.
 */
export async function allTools(
  ask: (params: { readonly cursor?: string }) => Promise<unknown>,
): Promise<unknown[] | undefined> {
  const tools: unknown[] = [];
  const cursors = new Set<string>();
  let params: { readonly cursor?: string } = {};
  for (let page = 0; page < MAX_PAGES; page++) {
    const result = await ask(params);
    const listed = member(result, "tools");
    if (!Array.isArray(listed)) return undefined;
    tools.push(...listed);
    const cursor = member(result, "nextCursor");
    if (typeof cursor !== "string" || cursors.has(cursor)) break;
    cursors.add(cursor);
    params = { cursor };
  }
  return tools;
}
