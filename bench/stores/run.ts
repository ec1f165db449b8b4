/**
 * Speed of every store against its engine's own bare write by the same client, and of what is ours
 * against an earlier commit: `deno task bench:stores`. Needs Git, and the programs of Redis and
 * PostgreSQL, of which it starts some of its own.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { createClient } from "@redis/client";
import pg from "pg";
import { readNoFlags } from "../../runtime/flags.ts";
import { openStore, type SessionStore } from "../../store/mod.ts";
import { startPostgres } from "../../tests/support/databases/postgres.ts";
import { RedisServer } from "../../tests/support/databases/redis.ts";
import { Checkout } from "../checkout.ts";
import { BenchProcess } from "../process.ts";
import { compare, median, type Rate, rate } from "../rounds.ts";
import { idOf, record } from "../sessions.ts";
import { perSecond, printTable, Rows } from "../table.ts";

readNoFlags(
  "bench:stores",
  "Measures every store against its engine's own bare write. Needs Git, redis-server and PostgreSQL.",
);

const CALLERS = [1, 8, 64, 512];
/** The commit that the stores are measured against, from before there was one engine. */
const BASE = "3443e0b";
const NAMESPACE = "bench";
const FAIRNESS_ROUNDS = 5;
const FAIRNESS_MS = 1500;
const MANY = 1_000_000;

const folder = await Deno.makeTempDir({ prefix: "mcp-sessions-bench-" });
const rows = new Rows();

type Open = typeof openStore;

async function open(url: string, from: Open = openStore): Promise<SessionStore> {
  const store = await from(url, { namespace: NAMESPACE, warn: () => {} });
  await Promise.all(Array.from({ length: 512 }, (_, i) => store.create(record(i))));
  return store;
}

let written = 0;
function value(): string {
  return `value ${written++}`;
}

/** A durable transaction, which counts a call: of a session for each caller, or of one for all. */
function write(store: SessionStore, of: "different" | "one" = "different") {
  return (caller: number) =>
    store.transact(idOf(of === "one" ? 0 : caller), {
      calls: 1,
      update: () => ({ value: undefined, set: [["key", value()]] }),
    });
}

interface Contender {
  readonly name: string;
  readonly url: string;
  /** Its engine's own bare write: of as many bytes as a session has, by the same client. */
  readonly bare: (caller: number) => Promise<unknown>;
  readonly bareName: string;
  /** What to hold at 1, 8 and 64 callers. */
  readonly atLeast: readonly number[];
}

/** The bytes of a session's row and of a value. */
const text = "x".repeat(300);

const lines: string[][] = [];

async function measure({ name, url, bare, bareName, atLeast }: Contender) {
  await using store = await open(url);
  for (const [index, callers] of CALLERS.entries()) {
    const ratios = await compare(rate(write(store), callers), rate(bare, callers));
    const one = await rate(write(store, "one"), callers)(500);
    const least = atLeast[index];
    const what = `${name}, ${callers} at once`;
    if (least !== undefined) rows.addRates(ratios, { what, against: bareName, atLeast: least });
    lines.push([
      name,
      `${callers}`,
      perSecond(ratios.a),
      perSecond(ratios.b),
      ratios.ratio.toFixed(2),
      perSecond(one),
    ]);
  }
}

async function redis(name: string, appendfsync: string, atLeast: readonly number[]) {
  await using server = await RedisServer.start({ appendfsync });
  const client = createClient({ url: server.url(), disableOfflineQueue: true });
  await client.connect();
  const bareName = "HSET by the same client";
  const bare = (caller: number) => client.hSet(`bare ${caller}`, "text", `${text}${value()}`);
  await measure({ name, url: server.url(), bare, bareName, atLeast });
  if (appendfsync === "always") await fairness(name, server.url());
  client.destroy();
}

async function postgres() {
  await using server = await startPostgres();
  const pool = new pg.Pool({ connectionString: server.url(), max: 8 });
  await pool.query("CREATE TABLE bare (id integer PRIMARY KEY, text bytea)");
  await pool.query("INSERT INTO bare SELECT i, '' FROM generate_series(0, 511) i");
  const bare = (caller: number) =>
    pool.query({
      name: "bare",
      text: "UPDATE bare SET text = $2 WHERE id = $1",
      values: [caller, `${text}${value()}`],
    });
  const bareName = "an UPDATE by the same client";
  await measure({
    name: "PostgreSQL",
    url: server.url(),
    bare,
    bareName,
    atLeast: [0.4, 0.4, 0.5],
  });
  await fairness("PostgreSQL", server.url());
  await pool.end();
}

async function sqlite() {
  const database = new DatabaseSync(`${folder}/bare.sqlite`);
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  database.exec("CREATE TABLE bare (id INTEGER PRIMARY KEY, text TEXT)");
  for (let i = 0; i < 512; i++) database.exec(`INSERT INTO bare VALUES (${i}, '')`);
  const update = database.prepare("UPDATE bare SET text = ? WHERE id = ?");
  const bare = (caller: number) => Promise.resolve(update.run(`${text}${value()}`, caller));
  const url = `sqlite:${folder}/sessions.sqlite`;
  const bareName = "an UPDATE";
  await measure({ name: "SQLite", url, bare, bareName, atLeast: [0.5, 1.3, 1.6] });
  database.close();
  await fairness("SQLite", url);
}

/** Ours against the same store of an earlier commit, in turn. */
async function before(base: Checkout) {
  const { openStore: openBefore } = await import(base.url("store/mod.ts")) as { openStore: Open };
  const pairs = [["memory:", "memory", 0.95], ["file:", "file", 0.95], [
    "kv:",
    "Deno KV",
    2,
  ]] as const;
  for (const [scheme, name, atLeast] of pairs) {
    const place = (of: string) =>
      scheme === "memory:" ? scheme : `${scheme}${folder}/${of}-${name}`;
    await using ours = await open(place("ours"));
    await using theirs = await open(place("before"), openBefore);
    for (const callers of [1, 64]) {
      const [a, b]: [Rate, Rate] = [rate(write(ours), callers), rate(write(theirs), callers)];
      const what = `${name}, ${callers} at once`;
      rows.addRates(await compare(a, b), { what, against: BASE, atLeast });
    }
  }
  await fairness("Deno KV", `kv:${folder}/ours-Deno KV`);
}

/** Four processes that do nothing but write to one session: the slowest against the fastest. */
async function fairness(name: string, url: string) {
  const ratios: number[] = [];
  let figures = "";
  for (let round = 0; round < FAIRNESS_ROUNDS; round++) {
    const writers = Array.from(
      { length: 4 },
      () =>
        new BenchProcess("stores/worker.ts", [url, "write", `${FAIRNESS_MS}`], ["--unstable-kv"]),
    );
    await Promise.all(writers.map((writer) => writer.stdout.next()));
    await Promise.all(writers.map((writer) => writer.write({ go: true })));
    const counts = await Promise.all(writers.map(async (writer) => {
      const { value = "0" } = await writer.stdout.next();
      await writer.stop();
      return Number(value) / FAIRNESS_MS * 1000;
    }));
    ratios.push(Math.min(...counts) / Math.max(...counts));
    figures = `${perSecond(Math.min(...counts))} : ${perSecond(Math.max(...counts))}`;
  }
  rows.add({
    what: `${name}, the slowest of 4 processes on one session`,
    against: "the fastest",
    figures,
    ratio: median(ratios),
    atLeast: 0.4,
  });
}

/** A million sessions in SQLite: what opening them takes, and what memory. */
async function many() {
  const url = `sqlite:${folder}/many.sqlite`;
  await reportOf(url, "fill", MANY);
  const [few, all] = [
    await reportOf(`sqlite:${folder}/few.sqlite`, "open", 0),
    await reportOf(url, "open", 0),
  ];
  const what = `SQLite with ${MANY.toLocaleString("en")} sessions`;
  const { openMs, rssBytes } = all;
  rows.add({
    what: `${what}, to open and read one, in ms`,
    against: "1",
    figures: `${openMs.toFixed(1)} ms`,
    ratio: openMs,
    atMost: 50,
  });
  rows.add({
    what: `memory of a process with ${what}`,
    against: "with none",
    figures: `${(rssBytes / 1e6).toFixed(0)} MB : ${(few.rssBytes / 1e6).toFixed(0)} MB`,
    ratio: rssBytes / few.rssBytes,
    atMost: 1.2,
  });
}

async function reportOf(url: string, what: string, argument: number) {
  const process = new BenchProcess("stores/worker.ts", [url, what, `${argument}`]);
  const { value = "{}" } = await process.stdout.next();
  await process.stop();
  return JSON.parse(value) as { openMs: number; rssBytes: number };
}

try {
  await redis("Redis, always", "always", [0.5, 0.25, 0.25]);
  await redis("Redis, everysec", "everysec", []);
  await postgres();
  await sqlite();
  {
    await using base = await Checkout.of(BASE);
    await before(base);
  }
  await many();
} finally {
  await Deno.remove(folder, { recursive: true });
}
printTable(
  ["store", "callers", "transactions", "bare writes", "ratio", "transactions of one session"],
  lines,
);
console.log();
Deno.exit(rows.print() ? 0 : 1);
