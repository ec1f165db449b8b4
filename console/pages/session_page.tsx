/**
 * One session: what is known of it, and its state.
 *
 * @module
 */

import { countOf, numberText, sizeOf } from "../../runtime/quantities.ts";
import type { SessionName } from "../operator.ts";
import type { Json } from "../../runtime/json.ts";
import { utf8Length } from "../../runtime/utf8.ts";
import type { InspectedSession } from "../../store/inspection.ts";
import { timeOfStateId } from "../../store/state_id.ts";
import {
  clockText,
  isNever,
  jsonText,
  nameOf,
  ownerName,
  plain,
  spanText,
  titleOf,
} from "../words.ts";
import { EndDialog, Layout, Masthead } from "./layout.tsx";
import { sessionPath, withQuery } from "./links.ts";
import { Moment } from "./session_table.tsx";

interface SessionProps {
  readonly store: string;
  readonly name: SessionName;
  readonly session: InspectedSession;
  readonly entries: readonly (readonly [key: string, value: Json])[];
  readonly hasMore: boolean;
  readonly prefix: string;
  /** Page of the state, from 1. */
  readonly page: number;
  readonly now: number;
}

export function SessionPage(props: SessionProps) {
  const { store, name, session: { record, bytes }, now } = props;
  const title = titleOf({ title: record.data["title"] ?? "" });
  const facts = `${ownerName(record.owner)}, ${plain(name.namespace)}, ${
    countOf(record.toolCalls, "call")
  }, ${sizeOf(bytes)} of state`;
  return (
    // A browser's history outlives the console, so it gets no title.
    <Layout title={`Session ${nameOf(record.stateId)}`}>
      <Masthead store={store} status={`Live, read at ${clockText(now)}`} />
      <main
        class="session"
        data-path={sessionPath(name)}
        data-title={title}
        data-facts={facts}
        data-leave="/"
      >
        <p class="back">
          <a href="/">← All sessions</a>
        </p>
        <div class="session-head">
          <div>
            <h1>
              <bdi>{title}</bdi>
            </h1>
            <p class="name">{nameOf(record.stateId)}</p>
          </div>
          <div class="session-actions">
            <button type="button" class="button" data-action="fork">
              Fork <kbd>F</kbd>
            </button>
            <button type="button" class="button button-danger" data-action="end">
              End <kbd>E</kbd>
            </button>
          </div>
        </div>
        <Facts {...{ name, session: props.session, now }} />
        <State {...props} />
      </main>
      <EndDialog />
    </Layout>
  );
}

/** Pairs of a cookie that have a place of their own. */
const KNOWN = ["title", "reason", "createdAt"];

function Facts({ name, session, now }: Pick<SessionProps, "name" | "session" | "now">) {
  const { record, bytes } = session;
  const { owner, expiresAt, endsAt, ttlMs, toolCalls, data } = record;
  const createdAt = timeOfStateId(record.stateId);
  const more = Object.entries(data).filter(([key]) => !KNOWN.includes(key));
  return (
    <dl class="facts" id="facts" data-live>
      <Fact label="Owner" hint={plain(owner ?? "")}>
        <bdi>{ownerName(owner)}</bdi>
      </Fact>
      <Fact label="Server">
        <bdi>{plain(name.namespace)}</bdi>
      </Fact>
      <Fact label="Age">
        {createdAt === undefined ? "–" : <Moment at={createdAt} text={spanText(now - createdAt)} />}
      </Fact>
      <Fact label="Ends unless used">
        {isNever(expiresAt, now)
          ? "never"
          : <Moment at={expiresAt} text={`in ${spanText(expiresAt - now)}`} />}
      </Fact>
      <Fact label="Ends at the latest">
        {endsAt === null || isNever(endsAt, now)
          ? "never"
          : <Moment at={endsAt} text={`in ${spanText(endsAt - now)}`} />}
      </Fact>
      <Fact label="Lives unused for">{isNever(now + ttlMs, now) ? "ever" : spanText(ttlMs)}</Fact>
      <Fact label="Calls">{numberText(toolCalls)}</Fact>
      <Fact label="State">{sizeOf(bytes)}</Fact>
      <Fact label="Made by">
        <bdi>{plain(data["reason"] ?? "–")}</bdi>
      </Fact>
      {record.alias !== null && (
        <Fact label="Found by">{plain(record.alias.replace(/:.*$/s, ""))}</Fact>
      )}
      {more.map(([key, value]) => (
        <Fact label={plain(key)}>
          <bdi>{plain(value)}</bdi>
        </Fact>
      ))}
    </dl>
  );
}

interface FactProps {
  readonly label: string;
  readonly hint?: string;
  readonly children?: unknown;
}

function Fact({ label, hint, children }: FactProps) {
  return (
    <div>
      <dt>{label}</dt>
      <dd title={hint}>{children}</dd>
    </div>
  );
}

function State({ name, entries, hasMore, prefix, page }: SessionProps) {
  const path = sessionPath(name);
  const to = (page: number) => withQuery(path, { prefix, page: page === 1 ? "" : `${page}` });
  return (
    <section class="state">
      <div class="state-head">
        <h2>State</h2>
        <form class="toolbar" method="get" action={path} role="search">
          <label class="field">
            <span class="sr-only">Keys that begin with</span>
            <input
              type="search"
              name="prefix"
              value={prefix}
              placeholder="Keys that begin with"
              autocomplete="off"
              spellcheck={false}
            />
          </label>
        </form>
      </div>
      <div id="entries" data-live>
        {entries.length === 0
          ? (
            <div class="empty">
              <p class="empty-heading">{prefix === "" ? "No state" : "No such key"}</p>
              <p>{prefix === "" ? "Its tools have written nothing yet." : "No key begins so."}</p>
            </div>
          )
          : (
            <table class="entries">
              <thead>
                <tr>
                  <th scope="col">Key</th>
                  <th scope="col">Value</th>
                  <th scope="col" class="number">Size</th>
                </tr>
              </thead>
              <tbody>{entries.map(([key, value]) => <Entry {...{ name: key, value }} />)}</tbody>
            </table>
          )}
        <p class="pager pager-links">
          {page > 1 && <a href={to(page - 1)} rel="prev">← Previous</a>}
          {hasMore && <a href={to(page + 1)} rel="next">Next →</a>}
        </p>
      </div>
    </section>
  );
}

/** Letters of a value that are shown at once; the rest is folded. */
const SHOWN = 600;

function Entry({ name, value }: { readonly name: string; readonly value: Json }) {
  const text = jsonText(value);
  return (
    <tr>
      <th scope="row">
        <bdi>{plain(name)}</bdi>
      </th>
      <td>
        {text.length <= SHOWN ? <pre>{text}</pre> : (
          <details data-key={plain(name)}>
            <summary>
              <code>{text.slice(0, 120).replace(/\s+/g, " ")}…</code>
            </summary>
            <pre>{text}</pre>
          </details>
        )}
      </td>
      <td class="number">{sizeOf(utf8Length(JSON.stringify(value)))}</td>
    </tr>
  );
}
