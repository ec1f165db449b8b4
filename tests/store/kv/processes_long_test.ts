import { assert, assertEquals } from "@std/assert";
import { KvStore, openStore } from "../../../store/mod.ts";
import { lastText } from "../../../store/kv/kv_keys.ts";
import { Fixture } from "../../support/store/processes.ts";
import { all, forEver, put, record, tempFolder } from "../../support/store/stores.ts";

Deno.test("KvStore: several processes that add to one number lose nothing", async () => {
  await using folder = await tempFolder();
  const url = `kv:${folder.path}/sessions.kv`;
  await using store = await openStore(url, { namespace: "test" });
  await store.create(record("sess-1", forEver));
  await using open = new AsyncDisposableStack();
  const writers = ["a", "b", "c", "d"].map((name) =>
    open.use(new Fixture("writer", url, "sess-1", "count", name, "100"))
  );
  assertEquals(await Promise.all(writers.map((writer) => writer.ended())), [0, 0, 0, 0]);
  assertEquals(await all(store, "sess-1"), [["n", 400]]);
  assertEquals((await store.get("sess-1"))?.toolCalls, 400);
});

Deno.test("KvStore: processes that create its file at the same time can all use it", async () => {
  await using folder = await tempFolder();
  const url = `kv:${folder.path}/a/sessions.kv`;
  await using open = new AsyncDisposableStack();
  const openers = Array.from({ length: 6 }, () => open.use(new Fixture("open", url)));
  for (const opener of openers) assertEquals((await opener.lines.next()).value, "opened");
});

Deno.test("KvStore: a kill -9 loses nothing that was acknowledged", async () => {
  await using folder = await tempFolder();
  const url = `kv:${folder.path}/sessions.kv`;
  for (let round = 0; round < 3; round++) {
    const session = `sess-${round}`;
    await using store = await openStore(url, { namespace: "test" });
    await store.create(record(session, forEver));
    const acknowledged = new Map<string, number>();
    {
      await using open = new AsyncDisposableStack();
      const writers = ["a", "b"].map((name) =>
        [name, open.use(new Fixture("writer", url, session, "pairs", name, "1000000"))] as const
      );
      await Promise.all(writers.map(async ([name, writer]) => {
        let count = 0;
        for await (const line of writer.lines) {
          acknowledged.set(`${name}-${Number(line) % 40}`, Number(line));
          if (++count === 40 + round * 25 + name.charCodeAt(0)) writer.kill();
        }
      }));
    }
    const found = new Map(await all(store, session));
    assert(acknowledged.size >= 60, `${acknowledged.size}`);
    for (const [name, i] of acknowledged) {
      const [writer, slot] = name.split("-");
      const a = String(found.get(`${writer}-a-${slot}`));
      // Later writes to the same keys may have been made without an acknowledgement.
      assert(parseInt(a) >= i, `${name} should be ${i} or later: it is ${a.slice(0, 20)}`);
      assertEquals(found.get(`${writer}-b-${slot}`), a, "half a transaction was written");
    }
  }
});

Deno.test("KvStore: a kill -9 leaves no part of a fork, and no part of an ended session", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.kv`;
  const HOURS_LATER = Date.now() + 5 * 60 * 60 * 1000;
  const told = new Set<string>();
  const ended = new Set<string>();
  {
    await using store = await openStore(`kv:${path}`, { namespace: "test" });
    await store.create(record("sess-1", forEver));
    // More than one commit takes.
    for (let n = 0; n < 24; n++) await put(store, "sess-1", [`large ${n}`, "x".repeat(50_000)]);
    for (let round = 0; round < 4; round++) {
      await using open = new AsyncDisposableStack();
      const forkers = ["a", "b"].map((name) =>
        open.use(new Fixture("forker", path, "sess-1", `${name}${round}`))
      );
      await Promise.all(forkers.map(async (forker, index) => {
        let lines = 0;
        for await (const line of forker.lines) {
          (line.startsWith("+") ? told : ended).add(line.slice(1));
          if (++lines === 3 + 4 * round + index) forker.kill();
        }
      }));
    }
  }
  // What was left is swept.
  await using later = await openStore(`kv:${path}`, { namespace: "test", now: () => HOURS_LATER });
  await later.create(record("sess-2", forEver));
  await later.close();
  using kv = await Deno.openKv(path);
  await using store = new KvStore(kv, { namespace: "test" });
  const state = await all(store, "sess-1");
  const live = await store.list({ owner: null, limit: 10_000 });
  for (const { id } of live) if (id !== "sess-2") assertEquals(await all(store, id), state, id);
  const ids = new Set(live.map(({ id }) => id));
  for (const id of told) assert(ids.has(id) || ended.has(id), `${id} was acknowledged`);
  assertEquals((await Array.fromAsync(kv.list({ prefix: ["test", "pending"] }))).length, 0);
  const values = new Set<string>();
  for await (const { key } of kv.list({ prefix: ["test"] })) {
    const part = key[1] instanceof Uint8Array ? lastText([key[1]]) : "";
    if (part.startsWith("v")) values.add(part);
  }
  const withState = live.filter(({ id }) => id !== "sess-2");
  assertEquals([...values].sort(), withState.map(({ stateId }) => `v${stateId}`).sort());
});
