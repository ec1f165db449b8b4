/**
 * Paths of the pages.
 *
 * @module
 */

import type { SessionName } from "../operator.ts";
import type { TableQuery } from "../survey/survey_pages.ts";

export function sessionPath({ namespace, stateId }: SessionName): string {
  return `/sessions/${encodeURIComponent(namespace)}/${encodeURIComponent(stateId)}`;
}

/** The path of the list; what is as it is anyway is left out. */
export function listPath({ text, server, sort, page }: TableQuery): string {
  return withQuery("/", {
    q: text,
    server,
    sort: sort === "newest" ? "" : sort,
    page: page === 1 ? "" : `${page}`,
  });
}

export function withQuery(path: string, params: Readonly<Record<string, string>>): string {
  const given = Object.entries(params).filter(([, value]) => value !== "");
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
}
