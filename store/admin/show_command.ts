/**
 * `show`: one session and its state.
 *
 * @module
 */

import { countOf, sizeOf } from "../../runtime/quantities.ts";
import type { Json } from "../../runtime/json.ts";
import { printableJson } from "../../runtime/terminal/terminal_text.ts";
import type { StoreInspector } from "../inspection.ts";
import { openInspector } from "../open.ts";
import type { Command } from "./command_line.ts";
import { failure, type Report } from "./report.ts";
import {
  createdAt,
  findSession,
  ownerOf,
  type ServedSession,
  sessionJson,
  timeOf,
} from "./sessions.ts";

const PAGE = 500;
/** The most entries, and characters of a value, that people are shown. */
const MOST_ENTRIES = 100;
const MOST_CHARACTERS = 100;

export async function show(
  { url, filter, session: beginning }: Command & { kind: "show" },
): Promise<Report> {
  await using inspector = await openInspector(url);
  const session = await findSession(inspector, filter, beginning);
  if ("shown" in session) return session;
  const state = await stateOf(inspector, session);
  if (state === undefined) return failure("The session has just ended");
  const { record, namespace, bytes } = session;
  const rest = state.length - MOST_ENTRIES;
  const others = Object.entries(record.data).filter(([name]) => name !== "createdAt");
  return {
    json: { ...sessionJson(session), state: Object.fromEntries(state) },
    shown: [
      [
        ["session", record.stateId],
        ["server", namespace],
        ["owner", ownerOf(record.owner)],
        [
          "alias",
          record.alias === null ? "none" : "has one, which may give access and is not shown",
        ],
        ["calls", String(record.toolCalls)],
        ["created", timeOf(createdAt(record))],
        ["expires", timeOf(record.expiresAt)],
        ["ends", record.endsAt === null ? "-" : timeOf(record.endsAt)],
        ...others,
        ["state", `${countOf(state.length, "value")}, ${sizeOf(bytes)}`],
      ],
      ...state.length === 0
        ? []
        : ["", [["KEY", "VALUE"], ...state.slice(0, MOST_ENTRIES).map(row)]],
      ...rest > 0 ? [`${countOf(rest, "value")} more: --json has all of them`] : [],
    ],
  };
}

async function stateOf(
  inspector: StoreInspector,
  { namespace, record: { stateId } }: ServedSession,
): Promise<[string, Json][] | undefined> {
  const state: [string, Json][] = [];
  for (let after: string | undefined;; after = state.at(-1)?.[0]) {
    const page = await inspector.entries({ namespace, stateId, after, limit: PAGE });
    if (page === undefined) return undefined;
    state.push(...page);
    if (page.length < PAGE) return state;
  }
}

function row([key, value]: readonly [string, Json]): string[] {
  const text = printableJson(value);
  return [key, text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text];
}
