/**
 * A session's id is in the jar before anything that is in the session is acknowledged: a client that
 * is killed right after finds it again.
 */

import { assertEquals, assertNotEquals } from "@std/assert";
import type { CookieJar, HeldCookie } from "../../../client/mod.ts";
import { connected, startFixture } from "../../support/client/client_fixture.ts";

Deno.test("withSession: a new id is in the jar before the client hears of it", async () => {
  await using fixture = await startFixture("http");
  const order: string[] = [];
  const keep = async () => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    order.push("kept");
  };
  const jar: CookieJar = {
    get: () => Promise.resolve(undefined),
    set: keep,
    add: async (_, cookie) => {
      await keep();
      return cookie;
    },
    delete: () => Promise.resolve(),
  };
  await using it = await connected(fixture, { jar, server: "s" });
  order.push("connected");
  await it.call("rotate");
  order.push("answered");
  assertEquals(order, ["kept", "connected", "kept", "answered"]);
});

Deno.test("withSession: a lost session that is slow to leave the jar is not taken up again", async () => {
  await using fixture = await startFixture("http", "--no-list");
  let cookie: HeldCookie | undefined;
  const jar: CookieJar = {
    get: () => Promise.resolve(cookie),
    set: (_, next) => Promise.resolve(void (cookie = next)),
    add: (_, next) => Promise.resolve(cookie ??= next),
    delete: async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      cookie = undefined;
    },
  };
  await using it = await connected(fixture, { jar, server: "s" });
  const { id } = it;
  await it.ask("fixture/lose");
  assertNotEquals(await it.call("echo"), id);
  assertEquals(it.told, ["created", "lost", "created"]);
  assertEquals(cookie?.id, it.id);
});
