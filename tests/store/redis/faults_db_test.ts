/** A Redis that dies, stops, is full or is another one by now. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { increment, put, record, refused } from "../../../store/conformance/cases.ts";
import { RedisStore } from "../../../store/redis/mod.ts";
import { Adders } from "../../support/databases/adders.ts";
import { checkCutAnswers, checkSlow } from "../../support/databases/bad_connection.ts";
import { RedisServer, type RedisSettings } from "../../support/databases/redis.ts";
import { TcpProxy } from "../../support/databases/tcp_proxy.ts";
import { forEver, refusedAtOnce } from "../../support/store/stores.ts";
import { until } from "../../support/until.ts";

const FAIR_MS = 60_000;

interface Place extends AsyncDisposable {
  readonly server: RedisServer;
  open(url: string, timeoutMs?: number): Promise<RedisStore>;
}

/** A server, and stores that are closed before it. */
async function place(settings: RedisSettings = {}): Promise<Place> {
  const stack = new AsyncDisposableStack();
  const server = stack.use(await RedisServer.start(settings));
  return {
    server,
    async open(url, timeoutMs = FAIR_MS) {
      return stack.use(
        await RedisStore.open(url, { namespace: "test", timeoutMs, warn: () => {} }),
      );
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

Deno.test("RedisStore: killed and restarted, Redis has every acknowledged write, and none twice", async () => {
  await using at = await place();
  const stores = [await at.open(at.server.url()), await at.open(at.server.url())];
  const adders = await Adders.start(stores, { ids: ["a", "b", "c", "d"], each: 2 });
  for (let round = 0; round < 3; round++) {
    await adders.acknowledged(200);
    await at.server.kill();
    await at.server.restart();
  }
  await adders.acknowledged(200);
  await adders.stop();
  assertEquals(adders.failures, []);
  await adders.check(stores[0]!);
});

Deno.test("RedisStore: a Redis that stops is unavailable in time, and goes on by itself", async () => {
  await using at = await place();
  const store = await at.open(at.server.url(), 500);
  const adders = await Adders.start([store], { ids: ["a", "b"], each: 4 });
  await adders.acknowledged(50);
  at.server.suspend();
  assertMatch(await refused("unavailable", () => store.get("a")), /did not answer/);
  // Without a wait for the time-out of what runs already.
  assertMatch(await refused("unavailable", () => increment(store, "a")), /Redis/);
  at.server.goOn();
  await adders.acknowledged(50);
  await adders.stop();
  assert(adders.failures.every(({ code }) => code === "unavailable"));
  await adders.check(store);
});

Deno.test("RedisStore: a stopped Redis does not keep the store from closing", async () => {
  await using at = await place();
  const store = await at.open(at.server.url(), 300);
  await store.create(record("a", forEver));
  at.server.suspend();
  const written = refused("unavailable", () => put(store, "a", ["k", 1]));
  await store.close();
  await written;
});

Deno.test("RedisStore: a Redis that was killed is unavailable in time, and comes back", async () => {
  await using at = await place();
  const store = await at.open(at.server.url(), 300);
  await store.create(record("a", forEver));
  await at.server.kill();
  assertMatch(await refused("unavailable", () => increment(store, "a")), /Redis/);
  assertMatch(await refused("unavailable", () => store.get("a")), /no connection to Redis/);
  await at.server.restart();
  await until(() => store.get("a").catch(() => undefined), (session) => session !== undefined);
  assertEquals((await increment(store, "a"))?.session.toolCalls, 1);
});

Deno.test("RedisStore: in a Redis that came back empty, sessions are unknown, and new ones are made", async () => {
  await using at = await place();
  const store = await at.open(at.server.url());
  await store.create(record("a", forEver));
  await put(store, "a", ["k", 1]);
  await at.server.kill();
  await at.server.empty();
  await at.server.restart();
  assertEquals(await put(store, "a", ["k", 2]), undefined);
  assertEquals(await store.get("a"), undefined);
  await store.create(record("a", forEver));
  assertEquals((await increment(store, "a"))?.value, 1);
});

Deno.test("RedisStore: a Redis that forgot its scripts gets them again", async () => {
  await using at = await place();
  const store = await at.open(at.server.url());
  await store.create(record("a", forEver));
  await at.server.command("SCRIPT", "FLUSH");
  assertEquals((await increment(store, "a"))?.value, 1);
  assertEquals((await store.get("a"))?.toolCalls, 1);
});

Deno.test("RedisStore: a primary that becomes a replica is unavailable for writes, and says why", async () => {
  await using at = await place();
  await using other = await RedisServer.start();
  const store = await at.open(at.server.url());
  await store.create(record("a", forEver));
  await at.server.command("CONFIG", "SET", "replica-serve-stale-data", "yes");
  await at.server.command("REPLICAOF", "127.0.0.1", `${other.port}`);
  const message = await refusedAtOnce(() => put(store, "a", ["k", 1]));
  assertMatch(message, /a replica, which takes no writes: name the primary/);
  await at.server.command("REPLICAOF", "NO", "ONE");
  await until(() => put(store, "a", ["k", 1]).catch(() => undefined), (made) => made !== undefined);
});

Deno.test("RedisStore: a full Redis that does not evict is full for writes; reads and deletes go on", async () => {
  await using at = await place({ "maxmemory-policy": "noeviction" });
  const store = await at.open(at.server.url());
  for (const id of ["a", "b"]) await store.create(record(id, forEver));
  await put(store, "a", ["k", "x".repeat(50_000)]);
  await at.server.command("CONFIG", "SET", "maxmemory", "1");
  assertMatch(await refused("full", () => put(store, "a", ["k", 2])), /its memory is full/);
  await refused("full", () => store.create(record("c", forEver)));
  assertEquals((await store.get("a"))?.id, "a");
  assertEquals((await store.entries("a", { limit: 1 }))?.length, 1);
  assertEquals(await store.delete("b"), true);
  assertEquals(await store.get("b"), undefined);
  await at.server.command("CONFIG", "SET", "maxmemory", "0");
  assertEquals((await increment(store, "a"))?.value, 1);
});

Deno.test("RedisStore: a Redis that cannot save takes no writes, is unavailable and says so", async () => {
  await using at = await place({ appendonly: "no", save: "3600 1" });
  const store = await at.open(at.server.url());
  await store.create(record("a", forEver));
  await at.server.empty();
  await at.server.command("BGSAVE");
  const info = () => at.server.command("INFO", "persistence");
  await until(info, (text) => /rdb_last_bgsave_status:err/.test(String(text)));
  assertMatch(await refusedAtOnce(() => put(store, "a", ["k", 1])), /room on its disk/);
  assertEquals((await store.get("a"))?.id, "a");
});

Deno.test("RedisStore: a Redis that needs replicas and has none is unavailable, and says so", async () => {
  await using at = await place();
  const store = await at.open(at.server.url(), 300);
  await store.create(record("a", forEver));
  await at.server.command("CONFIG", "SET", "min-replicas-to-write", "1");
  assertMatch(await refused("unavailable", () => put(store, "a", ["k", 1])), /NOREPLICAS/);
});

Deno.test("RedisStore: a Redis that is busy with a long script is waited for", async () => {
  await using at = await place({ "busy-reply-threshold": "50" });
  const store = await at.open(at.server.url());
  await store.create(record("a", forEver));
  const script =
    "local a = redis.call('TIME') repeat local b = redis.call('TIME') until b[1] - a[1] > 1";
  const long = at.server.command("EVAL", script, "0");
  await until(() => at.server.command("PING").catch(String), (said) => /BUSY/.test(String(said)));
  assertEquals((await increment(store, "a"))?.value, 1);
  await long;
});

Deno.test("RedisStore: behind a connection that cuts answers, every write is made once", async () => {
  await using at = await place();
  await using proxy = new TcpProxy({ to: { hostname: "127.0.0.1", port: at.server.port } });
  const url = `redis://127.0.0.1:${proxy.port}`;
  const stores = [await at.open(url), await at.open(url)];
  let answers = 0;
  const adders = await Adders.start(stores, { ids: ["a", "b", "c"], each: 2 });
  proxy.fate = () => ++answers % 23 === 0 ? "cut" : "pass";
  await adders.acknowledged(1000);
  proxy.fate = () => "pass";
  await adders.stop();
  assert(answers > 100);
  assertEquals(adders.failures, []);
  await adders.check(stores[0]!);
});

Deno.test("RedisStore: a create, delete, regenerate or fork whose answer is cut is made once", async () => {
  await using at = await place();
  await using proxy = new TcpProxy({ to: { hostname: "127.0.0.1", port: at.server.port } });
  const store = await at.open(`redis://127.0.0.1:${proxy.port}`);
  await checkCutAnswers(proxy, store, await at.open(at.server.url()));
});

Deno.test("RedisStore: a slow Redis is answered from in the time that it takes", async () => {
  await using at = await place();
  await using proxy = new TcpProxy({ to: { hostname: "127.0.0.1", port: at.server.port } });
  await checkSlow(proxy, await at.open(`redis://127.0.0.1:${proxy.port}`));
});
