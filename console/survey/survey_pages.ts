/**
 * Pages of a survey: filtered, sorted, fifty sessions each.
 *
 * @module
 */

import { ownerName, plain } from "../words.ts";
import type { Survey, SurveyedSession } from "./survey.ts";

export const PAGE_LENGTH = 50;

export const SORTS = ["newest", "oldest", "ends", "calls", "bytes"] as const;
export type Sort = (typeof SORTS)[number];

/** What a page of the table shows. */
export interface TableQuery {
  /** Part of a title, an owner or a server, a whole principal, or the beginning of a `stateId`. */
  readonly text: string;
  /** One server's name; "" for all. */
  readonly server: string;
  readonly sort: Sort;
  /** From 1. */
  readonly page: number;
}

export interface TablePage {
  readonly sessions: readonly SurveyedSession[];
  /** The number of the first one. */
  readonly from: number;
  /** How many fit the filter. */
  readonly matches: number;
  readonly page: number;
  readonly pages: number;
}

type Order = (a: SurveyedSession, b: SurveyedSession) => number;

const byText = (a: string, b: string) => a < b ? -1 : a > b ? 1 : 0;
const oldest: Order = (a, b) => byText(a.stateId, b.stateId) || byText(a.namespace, b.namespace);
const ORDERS: Readonly<Record<Sort, Order>> = {
  oldest,
  newest: (a, b) => oldest(b, a),
  ends: (a, b) => a.expiresAt - b.expiresAt || oldest(a, b),
  calls: (a, b) => b.toolCalls - a.toolCalls || oldest(a, b),
  bytes: (a, b) => b.bytes - a.bytes || oldest(a, b),
};

export function pageOf(survey: Survey, query: TableQuery): TablePage {
  const matching = sorted(survey, query.sort).filter(matcher(query));
  const pages = Math.max(1, Math.ceil(matching.length / PAGE_LENGTH));
  const page = Math.min(query.page, pages);
  const from = (page - 1) * PAGE_LENGTH;
  const sessions = matching.slice(from, from + PAGE_LENGTH);
  return { sessions, from: from + 1, matches: matching.length, page, pages };
}

/** Orders that were asked for: sorting takes longer than all the rest of a page. */
const orders = new WeakMap<Survey, Map<Sort, readonly SurveyedSession[]>>();

function sorted(survey: Survey, sort: Sort): readonly SurveyedSession[] {
  const known = orders.get(survey) ?? new Map<Sort, readonly SurveyedSession[]>();
  orders.set(survey, known);
  const order = known.get(sort) ?? survey.sessions.toSorted(ORDERS[sort]);
  known.set(sort, order);
  return order;
}

function matcher({ text, server }: TableQuery): (session: SurveyedSession) => boolean {
  const wanted = text.trim().toLowerCase();
  const fits = (part: string) => part.toLowerCase().includes(wanted);
  // Far fewer than sessions.
  const owners = new Map<string | null, boolean>();
  const ownerFits = (owner: string | null) => {
    const known = owners.get(owner) ??
      (fits(ownerName(owner)) || plain(owner ?? "").toLowerCase() === wanted);
    owners.set(owner, known);
    return known;
  };
  return ({ namespace, title, owner, stateId }) => {
    if (server !== "" && namespace !== server) return false;
    return wanted === "" || fits(plain(title)) || ownerFits(owner) || fits(plain(namespace)) ||
      plain(stateId).toLowerCase().startsWith(wanted);
  };
}
