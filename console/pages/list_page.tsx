/**
 * The list: figures of all sessions, and a table of them.
 *
 * @module
 */

import { numberText, sizeOf } from "../../runtime/quantities.ts";
import type { CallHistory } from "../survey/call_history.ts";
import type { Survey } from "../survey/survey.ts";
import type { TablePage, TableQuery } from "../survey/survey_pages.ts";
import { clockText, plain } from "../words.ts";
import { AgeChart, callsAMinute, CallsChart, ServersChart, TimeLeftChart } from "./charts.tsx";
import { EndDialog, Layout, Masthead } from "./layout.tsx";
import { listPath } from "./links.ts";
import { SessionTable } from "./session_table.tsx";

interface ListProps {
  readonly store: string;
  readonly survey: Survey;
  readonly query: TableQuery;
  readonly table: TablePage;
  readonly calls: CallHistory;
  readonly now: number;
}

const HOUR_MS = 3_600_000;

export function ListPage({ store, survey, query, table, calls, now }: ListProps) {
  return (
    <Layout title="Sessions">
      <Masthead store={store} status={statusOf(survey)} fault={faultOf(survey)} />
      <main>
        <h1 class="sr-only">Sessions</h1>
        <Figures {...{ survey, calls, now }} />
        <div class="charts" id="charts" data-live>
          <CallsChart {...{ calls, survey }} />
          <AgeChart {...{ survey, now }} />
          <TimeLeftChart {...{ survey, now }} />
          <ServersChart
            {...{ survey, calls }}
            pathOf={(server) => listPath({ ...query, server, page: 1 })}
            nameOf={plain}
          />
        </div>
        <Toolbar {...{ survey, query }} />
        <div id="sessions" data-live>
          <SessionTable {...{ survey, query, table, now }} />
        </div>
      </main>
      <KeyHints />
      <EndDialog />
    </Layout>
  );
}

function statusOf({ at, expected, sessions }: Survey): string {
  return expected === undefined
    ? `Live, read at ${clockText(at)}`
    : `Reading: ${numberText(sessions.length)} of ${numberText(expected)}`;
}

function faultOf({ fault }: Survey): string | undefined {
  return fault && `The store cannot be read, and is tried again: ${plain(fault)}`;
}

function Figures({ survey, calls, now }: Pick<ListProps, "survey" | "calls" | "now">) {
  const { sessions, servers } = survey;
  const bytes = servers.reduce((sum, server) => sum + server.bytes, 0);
  const soon = sessions.filter(({ expiresAt }) => expiresAt - now < HOUR_MS).length;
  const figures = [
    ["Live sessions", numberText(sessions.length)],
    ["Calls a minute", numberText(callsAMinute(calls, survey))],
    ["State kept", sizeOf(bytes)],
    ["Ending within an hour", numberText(soon)],
  ];
  return (
    <dl class="figures" id="figures" data-live>
      {figures.map(([label, figure]) => (
        <div>
          <dt>{label}</dt>
          <dd>{figure}</dd>
        </div>
      ))}
    </dl>
  );
}

const SORT_LABELS = {
  newest: "Newest first",
  oldest: "Oldest first",
  ends: "Ending soonest",
  calls: "Most calls",
  bytes: "Largest state",
} as const;

function Toolbar({ survey, query }: Pick<ListProps, "survey" | "query">) {
  return (
    <form class="toolbar" id="filter" method="get" action="/" role="search">
      <label class="field field-wide">
        <span class="sr-only">Filter by title, owner, server or name</span>
        <input
          type="search"
          name="q"
          value={query.text}
          placeholder="Filter by title, owner, server or name"
          autocomplete="off"
          spellcheck={false}
        />
        <kbd aria-hidden="true">/</kbd>
      </label>
      <label class="field">
        <span>Server</span>
        <select name="server">
          <option value="">all</option>
          {survey.servers.map(({ namespace }) => (
            <option value={namespace} selected={namespace === query.server}>
              {plain(namespace)}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>Order</span>
        <select name="sort">
          {Object.entries(SORT_LABELS).map(([sort, label]) => (
            <option value={sort} selected={sort === query.sort}>{label}</option>
          ))}
        </select>
      </label>
      <noscript>
        <button type="submit" class="button">Apply</button>
      </noscript>
    </form>
  );
}

function KeyHints() {
  const hints = [
    ["↑ ↓", "choose"],
    ["Enter", "open"],
    ["E", "end"],
    ["F", "fork"],
    ["/", "filter"],
  ];
  return (
    <footer class="hints">
      {hints.map(([key, does]) => (
        <span>
          <kbd>{key}</kbd> {does}
        </span>
      ))}
    </footer>
  );
}
