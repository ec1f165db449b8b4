/**
 * Paths of the pages.
 *
 * @module
 */

import type { SessionName } from "../operator.ts";
import type { TableQuery } from "../survey/survey_pages.ts";

export function sessionPath({ namespace, stateId }: SessionName): string {
  return `/sessions/${segmentOf(namespace)}/${segmentOf(stateId)}`;
}

/** A name as a segment of a path, in which `.` and `..`, also encoded, would lead elsewhere. */
function segmentOf(name: string): string {
  return encodeURIComponent(name.replace(/^(?=~|\.{1,2}$)/, "~"));
}

/** The name in a decoded segment. */
export function nameInSegment(segment: string): string {
  return segment.replace(/^~/, "");
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
