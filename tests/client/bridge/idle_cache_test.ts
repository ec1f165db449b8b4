import { assertEquals } from "@std/assert";
import { IdleCache } from "../../../client/bridge/idle_cache.ts";

Deno.test("IdleCache: evicts the least recently used entry that is idle", () => {
  const cache = new IdleCache<{ isIdle: boolean }>();
  const [busy, idle] = [{ isIdle: false }, { isIdle: true }];
  cache.set("busy", busy);
  cache.set("first", idle);
  for (let i = 0; i < 998; i++) cache.set(`${i}`, idle);
  cache.set("first", idle);
  cache.set("one too many", idle);
  assertEquals([cache.get("busy"), cache.get("first"), cache.get("0")], [busy, idle, undefined]);
  assertEquals([...cache.values()].length, 1000);
});
