/**
 * The load of `http.ts`, in a process of its own. It takes orders as lines of JSON on stdin and
 * answers each with one on stdout:
 *
 *     {"order": "open", "url": "…", "connections": 32, "calls": {…}}   {"group": 0}
 *     {"order": "run", "group": 0, "ms": 500}                               {"requests": …, …}
 *     {"order": "run", "group": 0, "requests": 100000}                      {"requests": …, …}
 *
 * Each response is checked; a wrong one ends the process.
 *
 * @module
 */

import { type CallKind, Calls } from "./http_calls.ts";
import { HttpConnection } from "./http_connection.ts";
import { lines } from "./process.ts";
import { quantile } from "./rounds.ts";

export type Order =
  | {
    readonly order: "open";
    readonly url: string;
    readonly connections: number;
    readonly calls: CallKind;
  }
  | {
    readonly order: "run";
    readonly group: number;
    readonly ms?: number;
    readonly requests?: number;
  };

export interface Run {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Caller {
  readonly connection: HttpConnection;
  readonly calls: Calls;
}

const groups: Caller[][] = [];

async function open({ url: text, connections, calls }: Order & { order: "open" }) {
  const url = new URL(text);
  const caller = async (_: unknown, number: number) => {
    const connection = await HttpConnection.open(url);
    return { connection, calls: await Calls.prepare(connection, url, calls, number) };
  };
  groups.push(await Promise.all(Array.from({ length: connections }, caller)));
  return { group: groups.length - 1 };
}

async function run(order: Order & { order: "run" }): Promise<Run> {
  const { group, ms = Infinity, requests = Infinity } = order;
  const latencies: number[] = [];
  const start = performance.now();
  let begun = 0;
  await Promise.all((groups[group] ?? []).map(async ({ connection, calls }) => {
    for (let now = start; now - start < ms && begun < requests;) {
      begun++;
      const before = now;
      await calls.make(connection);
      now = performance.now();
      latencies.push(now - before);
    }
  }));
  return {
    requests: latencies.length,
    perSecond: latencies.length / (performance.now() - start) * 1000,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
  };
}

if (import.meta.main) {
  for await (const line of lines(Deno.stdin.readable)) {
    const order: Order = JSON.parse(line);
    console.log(JSON.stringify(order.order === "open" ? await open(order) : await run(order)));
  }
  Deno.exit(0);
}
