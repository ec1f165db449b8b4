/**
 * The jar has a session's id before a result of that session is delivered, so that a killed client
 * finds the session again.
 */

import { assertEquals, assertNotEquals } from "@std/assert";
import type { CookieJar, HeldCookie } from "../../../client/mod.ts";
import { connected, startFixture } from "../../support/client/client_fixture.ts";

Deno.test("CookieSlot: saves a new id before the client gets it", async () => {
  await using fixture = await startFixture("http");
  const order: string[] = [];
  const save = async () => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    order.push("saved");
  };
  const jar: CookieJar = {
    get: () => Promise.resolve(undefined),
    set: save,
    add: async (_, cookie) => {
      await save();
      return cookie;
    },
    delete: () => Promise.resolve(),
  };
  await using it = await connected(fixture, { jar, server: "s" });
  order.push("connected");
  await it.call("rotate");
  order.push("answered");
  assertEquals(order, ["saved", "connected", "saved", "answered"]);
});

Deno.test("CookieSlot: does not resume a lost session that is slow to leave the jar", async () => {
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
