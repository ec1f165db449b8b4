/** What a store must hold to over a connection that loses answers, or is slow. */

import { assertEquals } from "@std/assert";
import { Adders } from "./adders.ts";
import type { TcpProxy } from "./tcp_proxy.ts";
import { forEver, record } from "../store/stores.ts";
import type { SessionStore } from "../../../store/mod.ts";

/** Cuts the answer of one change after the other: `store` is behind the proxy, `whole` is not. */
export async function checkCutAnswers(
  proxy: TcpProxy,
  store: SessionStore,
  whole: SessionStore,
): Promise<void> {
  const cutNext = () => {
    let isCut = false;
    proxy.fate = () => {
      if (isCut) return "pass";
      isCut = true;
      return "cut";
    };
  };
  cutNext();
  assertEquals((await store.create(record("a", forEver))).id, "a");
  cutNext();
  assertEquals((await store.regenerate("a", "b"))?.id, "b");
  cutNext();
  assertEquals((await store.fork("b", record("c", forEver)))?.id, "c");
  cutNext();
  assertEquals(await store.delete("b"), true);
  const listed = await whole.list({ owner: null, limit: 10 });
  assertEquals(listed.map(({ id }) => id), ["c"]);
}

/** Many callers at once, none of whom fails. */
export async function checkSlow(proxy: TcpProxy, store: SessionStore): Promise<void> {
  proxy.delayMs = 50;
  const adders = await Adders.start([store], { ids: ["a", "b", "c", "d"], each: 2 });
  await adders.acknowledged(40);
  await adders.stop();
  assertEquals(adders.failures, []);
  await adders.check(store);
}
