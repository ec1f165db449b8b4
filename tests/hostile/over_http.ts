/** The attack over HTTP: each request on a socket of its own, several at once. */

import { modernHeaders } from "../support/servers/modern_wire.ts";
import { INITIALIZE, post, startServer } from "../support/servers/server.ts";
import { cancelledBy } from "./expected.ts";
import { exchange } from "./http_exchange.ts";
import { attack, type Target } from "./http_requests.ts";
import type { Aim } from "./messages.ts";
import { type Ask, createSession, Neighbour } from "./neighbour.ts";
import {
  checkLog,
  flagsOf,
  named,
  OWN_SESSIONS,
  type Shot,
  shot,
  type SiegeOptions,
} from "./siege.ts";
import { checkMessage, Fault, type Message } from "./verdict.ts";

/** Concurrent attacking connections. */
const LANES = 8;
const HEAD = "POST /mcp HTTP/1.1\r\nhost: HOST\r\ncontent-type: application/json\r\n" +
  "accept: application/json, text/event-stream\r\n";
/** Requests that stall for the whole attack. */
const STALLED = [
  "",
  "P",
  HEAD,
  `${HEAD}content-length: 1000\r\n\r\n`,
  `${HEAD}content-length: 4000000\r\n\r\n{"jsonrpc":`,
  `${HEAD}transfer-encoding: chunked\r\n\r\n`,
  `${HEAD}transfer-encoding: chunked\r\n\r\nfffff\r\n{"jsonrpc":`,
];
const VERSION = "io.modelcontextprotocol/protocolVersion";
/** The neighbour's id of every request, so that an attacker can try to cancel it. */
const NEIGHBOURS_ID = "neighbour";

/** @throws {Fault} naming the seed, the request and what the server did wrong. */
export async function attackHttp(
  options: SiegeOptions & { readonly stateful?: boolean },
): Promise<void> {
  const { server, args = [], seed, requests, answerMs, stateful = false } = options;
  const { handles = false } = options;
  const flags = [...flagsOf(options), ...(stateful ? ["--stateful"] : [])];
  await using process = await startServer({
    server,
    transport: "http",
    store: "memory:",
    args: [...args],
    flags,
  });
  const { hostname, port, host } = new URL(process.url);
  const address = { hostname, port: Number(port) };
  const headersOf = async (): Promise<Record<string, string>> =>
    stateful ? { "mcp-session-id": await openTransportSession(process.url) } : {};
  const ask = asking(process.url, await headersOf());
  const neighbour = await Neighbour.open(ask, options);
  const own = await Promise.all(Array.from({ length: OWN_SESSIONS }, () => createSession(ask)));
  const others = [NEIGHBOURS_ID, 0, "", "nobody"];
  const aim: Aim = { own, other: neighbour.id, others, handles };
  const priv = { ids: [neighbour.id], secret: neighbour.secret };

  const over = new AbortController();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  let next = 0;
  const lane = async () => {
    const headers = Object.entries(await headersOf()).map(([key, value]) => `${key}: ${value}`);
    const target: Target = { host, headers };
    for (let number = ++next; number <= requests && !over.signal.aborted; number = ++next) {
      await strike(shot(seed, number, aim), target);
    }
  };
  const strike = async ({ number, bytes, random }: Shot, target: Target) => {
    const what = attack(random, target, bytes);
    // With --stateful, a cancelled request has no response, and its exchange no end.
    const cancelled = new Set([cancelledBy(bytes)]);
    const options = { address, priv, answerMs, cancelled };
    await named(seed, { number, bytes }, what.what, () => exchange(what, options));
  };
  const stalled = await Promise.all(STALLED.map((text) => stall(address, host, text)));
  const work = neighbour.work(over.signal);
  work.catch(failed.reject);
  process.process.status.then(({ code }) => {
    failed.reject(new Fault(`The server ended with status ${code}; TEST_SEED=${seed}, of ${next}`));
  });
  const lanes = Promise.all(Array.from({ length: LANES }, lane));
  try {
    await Promise.race([lanes, failed.promise]);
  } finally {
    over.abort();
    await Promise.allSettled([lanes, work]);
    for (const connection of stalled) connection.close();
  }
  await work;
  await neighbour.verify();
  const status = await process.stop();
  checkLog(process.stderr, priv);
  if (status !== 0) throw new Fault(`The server stopped with status ${status}`);
}

/** Opens a connection with a stalled request. */
async function stall(
  address: { readonly hostname: string; readonly port: number },
  host: string,
  text: string,
): Promise<Deno.TcpConn> {
  const connection = await Deno.connect(address);
  await connection.write(new TextEncoder().encode(text.replace("HOST", host)));
  return connection;
}

/** Opens a transport session, and returns its id. */
async function openTransportSession(url: string): Promise<string> {
  const text = JSON.stringify({ jsonrpc: "2.0", id: 0, method: "initialize", params: INITIALIZE });
  const response = await post(url, text);
  await response.text();
  return response.headers.get("mcp-session-id") ?? "";
}

function asking(url: string, headers: Record<string, string>): Ask {
  return async (method, params): Promise<Message> => {
    const text = JSON.stringify({ jsonrpc: "2.0", id: NEIGHBOURS_ID, method, params });
    const { name, _meta } = Object(params);
    const own = Object.hasOwn(_meta ?? {}, VERSION) ? modernHeaders(method, name) : headers;
    const response = await post(url, text, own);
    const body = await response.text();
    const data = response.headers.get("content-type") === "text/event-stream"
      ? body.split("\n").filter((line) => line.startsWith("data: {")).at(-1)?.slice(6) ?? ""
      : body;
    return checkMessage(data);
  };
}
