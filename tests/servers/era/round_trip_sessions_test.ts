/** Sessions of calls that ask: all rounds of a call run in one. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  accepted,
  assertRefused,
  ModernCaller,
  startAsking,
} from "../../support/servers/round_trips.ts";
import { TRANSPORTS } from "../../support/servers/server.ts";

const KEY = "io.github.mcp-sessions/session";
const ANSWER = { answer: accepted("yes") };
/** The capabilities of a client that knows sessions. */
const AWARE = {
  elicitation: {},
  extensions: { [KEY]: { version: 2, features: ["create", "list", "delete"] } },
};

function idIn(result: { _meta?: Record<string, unknown> }): string {
  const { id } = Object(result._meta?.[KEY]);
  assert(typeof id === "string", `no cookie in ${JSON.stringify(result)}`);
  return id;
}

for (const transport of TRANSPORTS) {
  Deno.test(`ask over ${transport}: a lazy session of the first round goes on in the next, named or not`, async () => {
    await using server = await startAsking({ transport });
    for (const capabilities of [AWARE, { elicitation: {} }]) {
      for (const isNamed of [true, false]) {
        const client = new ModernCaller(server, { capabilities });
        const { requestState, ...asked } = await client.asked("visits");
        const id = idIn(asked);
        assert(!requestState.includes(id));
        const result = await client.done("visits", {
          inputResponses: ANSWER,
          requestState,
          ...(isNamed && { _meta: { [KEY]: { id } } }),
        });
        assertEquals(result.structuredContent, { visits: 2, session_id: id });
        assertEquals(idIn(result), id);
      }
    }
  });
}

Deno.test("ask: the cookie of the request stays on the result that asks, under its own key", async () => {
  await using server = await startAsking({ transport: "stdio" });
  const cookie = await server.create();
  const client = new ModernCaller(server);
  const { _meta } = await client.asked("visits", { _meta: { "mcp/session": { id: cookie.id } } });
  assertEquals(Object(_meta["mcp/session"]).id, cookie.id);
  assertEquals(_meta[KEY], undefined);
});

Deno.test("ask: a retry that names another session is refused, and has not used the state up", async () => {
  await using server = await startAsking({ transport: "stdio" });
  const client = new ModernCaller(server, { capabilities: AWARE });
  const [own, other] = [await server.create(), await server.create()];
  const named = (id: string) => ({ _meta: { [KEY]: { id } } });
  const { requestState } = await client.asked("visits", named(own.id));
  const retry = { inputResponses: ANSWER, requestState };
  assertRefused(await client.call("visits", { ...retry, ...named(other.id) }));
  assertRefused(await client.call("visits", { ...retry, _meta: { [KEY]: { id: 1 } } }));
  const result = await client.done("visits", { ...retry, ...named(own.id) });
  assertEquals(result.structuredContent, { visits: 2, session_id: own.id });
});

Deno.test("ask: a session that ended between the rounds is told as such", async () => {
  await using server = await startAsking({ transport: "stdio" });
  const client = new ModernCaller(server, { capabilities: AWARE });
  const { requestState, ...asked } = await client.asked("visits");
  await server.result("session/delete", { id: idIn(asked) });
  const { error } = await client.call("visits", { inputResponses: ANSWER, requestState });
  assertEquals([error?.code, error?.data], [-31002, { reason: "unknown" }]);
});

Deno.test("ask: a session that ends in the round that asks counts more", async () => {
  await using server = await startAsking({ transport: "stdio" });
  const client = new ModernCaller(server, { capabilities: AWARE });
  const { id } = await server.create();
  const call = client.call("ends_session", { _meta: { [KEY]: { id } } });
  await client.done("held");
  await server.result("session/delete", { id });
  await client.done("release");
  const { error } = await call;
  assertEquals([error?.code, error?.data], [-31002, { reason: "ended" }]);
});

Deno.test("ask: a store that fails in the round that asks counts more", async () => {
  await using server = await startAsking({ transport: "stdio" });
  const client = new ModernCaller(server, { capabilities: AWARE });
  const { id } = await server.create();
  const { error } = await client.call("writes_too_much", { _meta: { [KEY]: { id } } });
  assertEquals([error?.code, error?.data], [-32603, { code: "too_large" }]);
});

Deno.test("ask: a model without sessions is told its handle when the call is done", async () => {
  await using server = await startAsking({ transport: "stdio", flags: ["--handles"] });
  const client = new ModernCaller(server);
  const { requestState } = await client.asked("visits");
  const result = await client.done("visits", { inputResponses: ANSWER, requestState });
  const { session_id } = result.structuredContent;
  assertMatch(`${result.content.at(-1)?.text}`, new RegExp(`${session_id}`));
  // A handle is an argument, and the rounds of its calls go on in its session too.
  const handle = { arguments: { session: session_id } };
  const second = await client.asked("visits", handle);
  const done = await client.done("visits", {
    ...handle,
    inputResponses: ANSWER,
    requestState: second.requestState,
  });
  assertEquals(done.structuredContent, { visits: 4, session_id });
});
