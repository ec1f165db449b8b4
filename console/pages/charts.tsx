/**
 * Bars, drawn as SVG by the server.
 *
 * @module
 */

import { countOf, numberText } from "../../runtime/quantities.ts";
import { type CallHistory, HISTORY_MINUTES, MINUTE_MS } from "../survey/call_history.ts";
import type { Survey } from "../survey/survey.ts";
import { clockText, isNever } from "../words.ts";

const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

interface Bar {
  readonly label: string;
  readonly sessions: number;
}

/** Upper bounds of the spans that sessions are counted in. */
const AGES = [
  ["under 1 min", MINUTE_MS],
  ["to 1 hour", HOUR_MS],
  ["to 1 day", DAY_MS],
  ["to 7 days", 7 * DAY_MS],
  ["to 30 days", 30 * DAY_MS],
  ["older", Infinity],
] as const;
const TIMES_LEFT = [
  ["in 1 min", MINUTE_MS],
  ["in 1 hour", HOUR_MS],
  ["in 1 day", DAY_MS],
  ["in 7 days", 7 * DAY_MS],
  ["in 30 days", 30 * DAY_MS],
  ["later", Infinity],
] as const;

/** Sessions counted by the first bound that is above a span. */
function counts(
  bounds: readonly (readonly [string, number])[],
  spans: Iterable<number>,
): Bar[] {
  const sums = bounds.map(() => 0);
  for (const span of spans) {
    const at = bounds.findIndex(([, bound]) => span < bound);
    sums[at === -1 ? bounds.length - 1 : at]! += 1;
  }
  return bounds.map(([label], at) => ({ label, sessions: sums[at] ?? 0 }));
}

export function AgeChart({ survey, now }: { readonly survey: Survey; readonly now: number }) {
  const ages = survey.sessions.flatMap(({ createdAt }) =>
    createdAt === undefined ? [] : [now - createdAt]
  );
  return <BarChart heading="By age" bars={counts(AGES, ages)} />;
}

export function TimeLeftChart({ survey, now }: { readonly survey: Survey; readonly now: number }) {
  const left = survey.sessions.map(({ expiresAt }) => expiresAt - now);
  const never = survey.sessions.filter(({ expiresAt }) => isNever(expiresAt, now)).length;
  const bars = counts(TIMES_LEFT, left).map((bar) =>
    bar.label === "later" && never > 0 ? { ...bar, label: "later, never" } : bar
  );
  return <BarChart heading="Ending unless used" bars={bars} />;
}

function BarChart({ heading, bars }: { readonly heading: string; readonly bars: readonly Bar[] }) {
  const most = Math.max(1, ...bars.map(({ sessions }) => sessions));
  return (
    <section class="chart">
      <h2>{heading}</h2>
      <table class="bars">
        <tbody>
          {bars.map(({ label, sessions }) => (
            <tr>
              <th scope="row">{label}</th>
              <td class="bar">
                <svg width="100%" height="10" aria-hidden="true">
                  {sessions > 0 && (
                    <rect
                      width={`${Math.max(0.8, 100 * sessions / most).toFixed(1)}%`}
                      height="10"
                    />
                  )}
                </svg>
              </td>
              <td class={sessions === 0 ? "number faint" : "number"}>{numberText(sessions)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

interface CallsProps {
  readonly calls: CallHistory;
  readonly survey: Survey;
}

/** Calls in the minute before the survey. */
export function callsAMinute(calls: CallHistory, { at }: Survey, namespace?: string): number {
  return Math.round(calls.between(at - MINUTE_MS, at, namespace));
}

export function CallsChart({ calls, survey: { at: now } }: CallsProps) {
  const minutes = Array.from({ length: HISTORY_MINUTES }, (_, at) => {
    const to = now - (HISTORY_MINUTES - 1 - at) * MINUTE_MS;
    return calls.between(to - MINUTE_MS, to);
  });
  const most = Math.max(1, ...minutes);
  const { since = now } = calls;
  const isWhole = now - since >= HISTORY_MINUTES * MINUTE_MS;
  return (
    <section class="chart">
      <h2>Calls a minute</h2>
      <svg
        class="columns"
        viewBox={`0 0 ${HISTORY_MINUTES} 100`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Calls in each of the last ${HISTORY_MINUTES} minutes, at most ${
          numberText(Math.ceil(most))
        }`}
      >
        <path
          class="grid"
          d={`M0 0.5H${HISTORY_MINUTES}M0 50H${HISTORY_MINUTES}M0 99.5H${HISTORY_MINUTES}`}
        />
        {minutes.map((sum, at) =>
          sum > 0 && (
            <rect
              x={(at + 0.12).toFixed(2)}
              y={(100 - 100 * sum / most).toFixed(1)}
              width="0.76"
              height={(100 * sum / most).toFixed(1)}
            />
          )
        )}
      </svg>
      <p class="axis">
        <span>{isWhole ? `${HISTORY_MINUTES} min ago` : `counted since ${clockText(since)}`}</span>
        <span>
          {minutes.some((sum) => sum >= 0.5)
            ? `most: ${numberText(Math.round(most))}`
            : "no calls yet"}
        </span>
        <span>now</span>
      </p>
    </section>
  );
}

/** The servers with the most sessions, and how many more there are. */
const MAX_SERVERS = 5;

interface ServersProps extends CallsProps {
  readonly pathOf: (namespace: string) => string;
  readonly nameOf: (namespace: string) => string;
}

export function ServersChart({ survey, calls, pathOf, nameOf }: ServersProps) {
  const servers = survey.servers.toSorted((a, b) => b.sessions - a.sessions);
  const more = servers.length - MAX_SERVERS;
  return (
    <section class="chart">
      <h2>By server</h2>
      {servers.length === 0
        ? <p class="quiet">No server has sessions in this store.</p>
        : (
          <table class="bars servers">
            <thead>
              <tr>
                <th scope="col">
                  <span class="sr-only">Server</span>
                </th>
                <th scope="col" class="number">sessions</th>
                <th scope="col" class="number">calls/min</th>
              </tr>
            </thead>
            <tbody>
              {servers.slice(0, MAX_SERVERS).map(({ namespace, sessions }) => (
                <tr>
                  <th scope="row">
                    <a href={pathOf(namespace)}>
                      <bdi>{nameOf(namespace)}</bdi>
                    </a>
                  </th>
                  <td class="number">{numberText(sessions)}</td>
                  <td class="number">{numberText(callsAMinute(calls, survey, namespace))}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      {more > 0 && <p class="quiet">and {countOf(more, "more server")}</p>}
    </section>
  );
}
