import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import {
  findByAlias,
  LazySession,
  lazyToolSession,
} from "../../../servers/base/session/lazy_session.ts";
import { MemoryStore, StoreError } from "../../../store/mod.ts";
import { record } from "../../support/store/stores.ts";

const NOW = 1_800_000_000_000;
const storeAt = () => new MemoryStore({ now: () => NOW });
const bound = (id: string) => record(id, { alias: "name:a", expiresAt: NOW + 1000 });
const alias = { owner: null, alias: "name:a" };

Deno.test("lazyToolSession: lives for 30 minutes, or for less if the server's sessions do", () => {
  for (const [ttlMs, expected] of [[7 * 86_400_000, 1_800_000], [60_000, 60_000]] as const) {
    const lazy = lazyToolSession(storeAt(), "owner", { ttlMs, maxAgeMs: Infinity }, NOW);
    const { data, owner, ...session } = lazy.record;
    assertEquals([session.ttlMs, session.expiresAt - NOW, owner], [expected, expected, "owner"]);
    assertEquals([data.title, data.reason], ["lazy-tool-session", "lazy/tools/call"]);
  }
});

Deno.test("LazySession: materialize() stores once, and counts the first call alone", async () => {
  const store = storeAt();
  const lazy = new LazySession(store, bound("sess-1"));
  assertEquals(await store.get("sess-1"), undefined);
  const made = await Promise.all([lazy.materialize(1), lazy.materialize(1)]);
  assertEquals(made.map(({ how }) => how), ["created", "shared"]);
  assertEquals((await store.get("sess-1"))?.toolCalls, 1);
  await store.delete("sess-1");
  await lazy.materialize(1);
  assertEquals(await store.get("sess-1"), undefined, "an ended session came back to life");
});

Deno.test("LazySession: materialize() gives the stored session that has its alias", async () => {
  const store = storeAt();
  await store.create(bound("sess-1"));
  const made = await new LazySession(store, bound("sess-2")).materialize(1);
  assertEquals([made.record.id, made.how], ["sess-1", "existing"]);
});

Deno.test("LazySession: materialize() can be repeated after a store that failed", async () => {
  class Full extends MemoryStore {
    override create: MemoryStore["create"] = (record) => {
      if (this.full) return Promise.reject(new StoreError("full", "no room"));
      return super.create(record);
    };
    full = true;
  }
  const store = new Full({ now: () => NOW });
  const lazy = new LazySession(store, bound("sess-1"));
  await assertRejects(() => lazy.materialize(1), StoreError);
  store.full = false;
  assertEquals((await lazy.materialize(1)).how, "created");
});

Deno.test("findByAlias: concurrent lookups share one lazy session, until no call is left", async () => {
  const store = storeAt();
  let made = 0;
  const find = () => findByAlias(store, alias, () => bound(`sess-${++made}`));
  const [one, two] = await Promise.all([find(), find()]);
  assert(one instanceof LazySession);
  assertEquals([one, made], [two, 1]);
  for (const lazy of [one, two]) lazy instanceof LazySession && lazy.join();
  one.leave();
  assertEquals(await find(), one);
  one.leave();
  const next = await find();
  assertNotEquals(next, one);
  assert(next instanceof LazySession);
  await next.materialize(0);
  assertEquals(await find(), await store.get(next.record.id));
});
