/**
 * The table of sessions, and the way from page to page.
 *
 * @module
 */

import { countOf, numberText, sizeOf } from "../../runtime/quantities.ts";
import type { Survey, SurveyedSession } from "../survey/survey.ts";
import type { Sort, TablePage, TableQuery } from "../survey/survey_pages.ts";
import {
  isNever,
  isoText,
  momentText,
  nameOf,
  ownerName,
  plain,
  spanText,
  titleOf,
} from "../words.ts";
import { listPath, sessionPath } from "./links.ts";

interface TableProps {
  readonly survey: Survey;
  readonly query: TableQuery;
  readonly table: TablePage;
  readonly now: number;
}

export function SessionTable({ survey, query, table, now }: TableProps) {
  if (table.matches === 0) return <Nothing {...{ survey, query }} />;
  return (
    <>
      <table class="sessions">
        <caption class="sr-only">
          Sessions {numberText(table.from)} to {numberText(table.from + table.sessions.length - 1)}
          {" "}
          of {numberText(table.matches)}
        </caption>
        <thead>
          <tr>
            <th scope="col" class="col-title">Title</th>
            <th scope="col" class="col-owner">Owner</th>
            <th scope="col" class="col-server">Server</th>
            <SortHead query={query} sorts={["newest", "oldest"]}>Age</SortHead>
            <SortHead query={query} sorts={["ends"]}>Ends in</SortHead>
            <SortHead query={query} sorts={["calls"]}>Calls</SortHead>
            <SortHead query={query} sorts={["bytes"]}>State</SortHead>
            <th scope="col" class="col-end">
              <span class="sr-only">End</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {table.sessions.map((session) => <Row {...{ session, now }} />)}
        </tbody>
      </table>
      <Pager {...{ query, table }} />
    </>
  );
}

interface SortHeadProps {
  readonly query: TableQuery;
  /** What a click sorts by, and what the next one. */
  readonly sorts: readonly Sort[];
  readonly children?: string;
}

/** Orders in which small numbers of a column come first. */
const ASCENDING: readonly Sort[] = ["newest", "ends"];

function SortHead({ query, sorts, children }: SortHeadProps) {
  const at = sorts.indexOf(query.sort);
  const sort = sorts[(at + 1) % sorts.length] ?? "newest";
  const order = ASCENDING.includes(query.sort) ? "ascending" : "descending";
  return (
    <th scope="col" class="number" {...(at >= 0 && { "aria-sort": order })}>
      <a href={listPath({ ...query, sort, page: 1 })}>{children}</a>
    </th>
  );
}

function Row({ session, now }: { readonly session: SurveyedSession; readonly now: number }) {
  const { namespace, stateId, owner, createdAt, expiresAt, toolCalls, bytes } = session;
  const path = sessionPath(session);
  const title = titleOf(session);
  const facts = `${ownerName(owner)}, ${plain(namespace)}, ${countOf(toolCalls, "call")}, ${
    sizeOf(bytes)
  } of state`;
  return (
    <tr data-path={path} data-title={title} data-facts={facts}>
      <th scope="row" class="col-title">
        <div class="title">
          <a href={path} title={title}>
            <bdi>{title}</bdi>
          </a>
          <span class="name">{nameOf(stateId)}</span>
        </div>
      </th>
      <td class={owner === null ? "col-owner faint" : "col-owner"} title={plain(owner ?? "")}>
        <bdi>{ownerName(owner)}</bdi>
      </td>
      <td class="col-server">
        <bdi>{plain(namespace)}</bdi>
      </td>
      <td class="number" data-label="old">
        {createdAt === undefined ? "–" : <Moment at={createdAt} text={spanText(now - createdAt)} />}
      </td>
      <td class={expiresAt - now < 60_000 ? "number soon" : "number"} data-label="left">
        {isNever(expiresAt, now)
          ? <span class="faint">never</span>
          : <Moment at={expiresAt} text={spanText(expiresAt - now)} />}
      </td>
      <td
        class={toolCalls === 0 ? "number faint" : "number"}
        data-label={toolCalls === 1 ? "call" : "calls"}
      >
        {numberText(toolCalls)}
      </td>
      <td class={bytes === 0 ? "number faint" : "number"}>{sizeOf(bytes)}</td>
      <td class="col-end">
        <button type="button" class="end" data-action="end" aria-label={`End ${title}`}>End</button>
      </td>
    </tr>
  );
}

export function Moment({ at, text }: { readonly at: number; readonly text: string }) {
  return <time datetime={isoText(at)} title={momentText(at)}>{text}</time>;
}

function Nothing({ survey, query }: Pick<TableProps, "survey" | "query">) {
  const { text, server } = query;
  if (survey.fault === undefined && survey.expected !== undefined) {
    return (
      <div class="empty">
        <p class="empty-heading">Reading the store</p>
        <p>The first look at a large store takes some seconds. The list fills by itself.</p>
      </div>
    );
  }
  if (text === "" && server === "") {
    return (
      <div class="empty">
        <p class="empty-heading">No live sessions</p>
        <p>One appears here as soon as a client makes it, or a tool needs it.</p>
      </div>
    );
  }
  return (
    <div class="empty">
      <p class="empty-heading">Nothing fits the filter</p>
      <p>
        Among {countOf(survey.sessions.length, "session")}. <a href="/">Show all</a>
      </p>
    </div>
  );
}

function Pager({ query, table }: Pick<TableProps, "query" | "table">) {
  const { from, matches, page, pages, sessions } = table;
  const to = (page: number, label: string, rel?: string) =>
    page < 1 || page > pages || page === table.page
      ? <span class="faint">{label}</span>
      : <a href={listPath({ ...query, page })} rel={rel}>{label}</a>;
  return (
    <nav class="pager" aria-label="Pages">
      <p>
        {pages > 1 && `${numberText(from)}–${numberText(from + sessions.length - 1)} of `}
        {countOf(matches, "session")}
      </p>
      {pages > 1 && (
        <p class="pager-links">
          {to(1, "First")} {to(page - 1, "← Previous", "prev")}
          <span class="quiet">page {numberText(page)} of {numberText(pages)}</span>
          {to(page + 1, "Next →", "next")} {to(pages, "Last")}
        </p>
      )}
    </nav>
  );
}
