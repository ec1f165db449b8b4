/**
 * Survey: what one walk over all sessions of a store has found.
 *
 * @module
 */

import { timeOfStateId } from "../../store/state_id.ts";
import type { InspectedSession } from "../../store/inspection.ts";

/** A session as the pages show it: without its id. */
export interface SurveyedSession {
  readonly namespace: string;
  readonly stateId: string;
  readonly title: string;
  readonly owner: string | null;
  /** When it was made, in milliseconds since 1970; `undefined` if its `stateId` does not say. */
  readonly createdAt: number | undefined;
  readonly expiresAt: number;
  readonly toolCalls: number;
  readonly bytes: number;
}

/** One server's part of a survey. */
export interface ServerTotals {
  readonly namespace: string;
  sessions: number;
  toolCalls: number;
  bytes: number;
}

export interface Survey {
  /** When the walk ended, or was looked at. */
  readonly at: number;
  /** Each server's sessions from the oldest to the newest. */
  readonly sessions: readonly SurveyedSession[];
  readonly servers: readonly ServerTotals[];
  /** The sessions to be found in all, if the walk has not ended yet. */
  readonly expected: number | undefined;
  /** Why the store could not be read since then. */
  readonly fault: string | undefined;
}

export function surveyed(namespace: string, session: InspectedSession): SurveyedSession {
  const { record: { stateId, owner, expiresAt, toolCalls, data }, bytes } = session;
  const title = data["title"] ?? "";
  const createdAt = timeOfStateId(stateId);
  return { namespace, stateId, title, owner, createdAt, expiresAt, toolCalls, bytes };
}

/** A survey of these sessions. */
export function surveyOf(
  sessions: readonly SurveyedSession[],
  { at, expected, fault }: Pick<Survey, "at"> & Partial<Pick<Survey, "expected" | "fault">>,
): Survey {
  const servers = new Map<string, ServerTotals>();
  for (const { namespace, toolCalls, bytes } of sessions) {
    let totals = servers.get(namespace);
    if (totals === undefined) {
      totals = { namespace, sessions: 0, toolCalls: 0, bytes: 0 };
      servers.set(namespace, totals);
    }
    totals.sessions++;
    totals.toolCalls += toolCalls;
    totals.bytes += bytes;
  }
  return { at, sessions, servers: [...servers.values()], expected, fault };
}
