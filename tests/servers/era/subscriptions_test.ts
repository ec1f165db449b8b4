import { assert, assertEquals, assertInstanceOf } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/inMemory"
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { Subscriptions, TooManySubscriptions } from "../../../servers/base/era/subscriptions.ts";
import { type AuthInfo, type JSONRPCMessage, sessionLayer } from "../../../servers/base/mod.ts";
import { MemoryStore } from "../../../store/mod.ts";
import { create } from "../../fixtures/changing.ts";
import { envelope, postModern } from "../../support/servers/modern_wire.ts";
import { startServer } from "../../support/servers/server.ts";
import { bearer, tokensFile } from "../../support/servers/tokens.ts";

const UPDATED = "notifications/resources/updated";
const FILTER = { toolsListChanged: true };
const CAPABILITIES = { tools: { listChanged: true } };

/** Subscriptions whose messages nobody reads. */
function quiet(): Subscriptions {
  const drop = () => {};
  return new Subscriptions({ notify: drop, complete: drop, deliver: drop });
}

/** The `extra` of a request over HTTP. */
function overHttp(clientId?: string) {
  const authInfo: AuthInfo | undefined = clientId === undefined
    ? undefined
    : { token: "", clientId, scopes: [] };
  return { requestInfo: { headers: {} }, ...(authInfo && { authInfo }) };
}

Deno.test("Subscriptions: as many as there may be in all, of one principal, and of all anonymous callers", () => {
  const subscriptions = quiet();
  let lastId = 0;
  const fill = (extra: ReturnType<typeof overHttp>) => {
    const params = { notifications: FILTER };
    for (let count = 0;; count++) {
      const request = { jsonrpc: "2.0", id: ++lastId, method: "", params } as const;
      try {
        subscriptions.open(request, extra, CAPABILITIES);
      } catch (error) {
        assertInstanceOf(error, TooManySubscriptions);
        lastId--;
        return count;
      }
    }
  };
  assertEquals([undefined, "one", "two"].map((name) => fill(overHttp(name))), [750, 250, 0]);
  // Of each kind one goes; the other's room is not its own.
  subscriptions.cancel(1);
  assertEquals([undefined, "one", "two"].map((name) => fill(overHttp(name))), [1, 0, 0]);
  subscriptions.cancel(751 + 249);
  assertEquals([undefined, "two", "one"].map((name) => fill(overHttp(name))), [0, 1, 0]);
});

Deno.test("Subscriptions: one past the bound is refused over HTTP by 503, and there is room once another has gone", async () => {
  await using tokens = await tokensFile({ one: "one", two: "two" });
  const { flags } = tokens;
  const server = await startServer({ server: "notebook", transport: "http", flags });
  await using _ = server;
  const listen = (token: string) =>
    postModern(server.url, "subscriptions/listen", { notifications: FILTER }, bearer(token));
  const open = await Promise.all(Array.from({ length: 250 }, () => listen("one")));
  assertEquals(open.every(({ status }) => status === 200), true);
  const refused = await listen("one");
  assertEquals([refused.status, refused.headers.get("retry-after")], [503, "1"]);
  assertEquals((await refused.json()).error.code, -32603);
  // Calls have their own quota.
  const call = await postModern(server.url, "tools/list", {}, bearer("one"));
  assertEquals([call.status, (await call.json()).error], [200, undefined]);
  open.push(await listen("two"));
  assertEquals(open.at(-1)?.status, 200);
  await Promise.all(open.map(({ body }) => body?.cancel()));
});

Deno.test("Subscriptions: end with their result when the server on any transport is closed", async () => {
  const [client, transport] = InMemoryTransport.createLinkedPair();
  const server = create();
  await server.connect(sessionLayer(transport, { store: new MemoryStore() }));
  const messages: JSONRPCMessage[] = [];
  const acknowledged = Promise.withResolvers<void>();
  client.onmessage = (message) => {
    messages.push(message);
    acknowledged.resolve();
  };
  await client.start();
  const params = { notifications: FILTER, _meta: envelope() };
  await client.send({ jsonrpc: "2.0", id: "sub", method: "subscriptions/listen", params });
  await acknowledged.promise;
  await server.close();
  assertEquals(messages.length, 2);
  const [, end] = messages;
  assert(end !== undefined && "result" in end);
  assertEquals([end.id, end.result.resultType], ["sub", "complete"]);
});

Deno.test("Subscriptions: a principal whom the server refuses a resource gets no updates of it, and takes them from nobody", async () => {
  const asked: string[] = [];
  const updated: unknown[] = [];
  const subscriptions: Subscriptions = new Subscriptions({
    notify: ({ method }, id) => method === UPDATED && updated.push(id),
    complete: () => {},
    deliver: ({ id, method, params }, { authInfo }) => {
      const { clientId } = authInfo ?? {};
      asked.push(`${method} ${params?.uri} ${clientId}`);
      const body = clientId === "two" ? { error: { code: -32603, message: "no" } } : { result: {} };
      queueMicrotask(() => subscriptions.takeResponse({ jsonrpc: "2.0", id, ...body }));
    },
  });
  const capabilities = { resources: { subscribe: true } };
  const params = { notifications: { resourceSubscriptions: ["r:1"] } };
  const open = (id: string, clientId: string) =>
    subscriptions.open(
      { jsonrpc: "2.0", id, method: "", params },
      overHttp(clientId),
      capabilities,
    );
  const publish = () =>
    subscriptions.publish({ jsonrpc: "2.0", method: UPDATED, params: { uri: "r:1" } });
  open("a", "two");
  open("b", "one");
  open("c", "three");
  open("d", "one");
  await Promise.resolve();
  publish();
  for (const id of ["a", "b", "c"]) subscriptions.cancel(id);
  publish();
  subscriptions.cancel("d");
  publish();
  assertEquals(updated, ["b", "c", "d", "d"]);
  assertEquals(asked, [
    "resources/subscribe r:1 two",
    "resources/subscribe r:1 one",
    "resources/subscribe r:1 three",
    "resources/unsubscribe r:1 one",
  ]);
});
