/** What an observer is told of requests, over each transport and in both eras. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { StatelessEndpoint } from "../../../servers/base/http/stateless_endpoint.ts";
import {
  combineObservers,
  type ObservedRequest,
  type Observer,
  sessionLayer,
} from "../../../servers/base/mod.ts";
import { isObject } from "../../../runtime/json.ts";
import { MemoryStore } from "../../../store/mod.ts";
import { CONNECTIONS, ObservedClient } from "../../support/observer/observed_client.ts";
import { Caller, newServer } from "../../support/servers/in_process.ts";
import { envelope, EXTENSION, modernHeaders } from "../../support/servers/modern_wire.ts";
import { HttpServer, post, type Reply, StdioServer } from "../../support/servers/server.ts";
import { until } from "../../support/until.ts";

const ID = `sess-${"0123456789abcdef".repeat(2)}`;
/** The members of an observation that differ from those of a request that is answered well. */
function told(observation: Record<string, unknown>): Record<string, unknown> {
  const { kind, code, label, target } = observation;
  return { kind, code, label, target };
}

for (const [name, transport, flags] of CONNECTIONS) {
  Deno.test(`Observer over ${name}: is told of each request and its end, in both eras`, async () => {
    await using client = await ObservedClient.start(transport, flags);
    let count = transport === "http" ? 1 : 0;
    for (const era of ["legacy", "modern"] as const) {
      // Legacy servers have no error for an unknown tool.
      const unknown = era === "modern"
        ? ["error", -32602] as const
        : ["tool_error", undefined] as const;
      const cases: [
        method: string,
        params: Record<string, unknown>,
        kind: string,
        code: number | undefined,
        label: { method: string; target?: string },
      ][] = [
        ["tools/list", {}, "ok", undefined, { method: "tools/list" }],
        ["prompts/get", { name: "greet" }, "ok", undefined, {
          method: "prompts/get",
          target: "greet",
        }],
        ["prompts/get", { name: ID }, "error", -32602, { method: "prompts/get", target: "_OTHER" }],
        ["resources/read", { uri: "test://page" }, "ok", undefined, { method: "resources/read" }],
        ["tools/call", { name: "idle" }, "ok", undefined, { method: "tools/call", target: "idle" }],
        ["tools/call", { name: "fail" }, "tool_error", undefined, {
          method: "tools/call",
          target: "fail",
        }],
        ["tools/call", { name: ID }, ...unknown, { method: "tools/call", target: "_OTHER" }],
        ["session/list", {}, "ok", undefined, { method: "session/list" }],
        ["session/create", { hints: 7 }, "error", -32602, { method: "session/create" }],
        ["made/up", {}, "error", -32601, { method: "_OTHER" }],
      ];
      if (era === "modern") {
        cases.push(
          ["server/discover", {}, "ok", undefined, { method: "server/discover" }],
          ["ping", {}, "error", -32601, { method: "ping" }],
          [
            "tools/list",
            { _meta: envelope({ "io.modelcontextprotocol/logLevel": "loud" }) },
            "error",
            -32602,
            {
              method: "tools/list",
            },
          ],
        );
      }
      for (const [method, params, kind, code, label] of cases) {
        const { error } = await client[era](method, params);
        assertEquals(error?.code, code, method);
        const observation = await client.last(++count);
        const target = params.name ?? params.uri;
        assertEquals(told(observation), { kind, code, label, target }, `${era} ${method}`);
        assertEquals(
          [observation.id, observation.method, observation.era, observation.transport],
          [client.id, method, era, transport],
        );
        assertEquals([observation.isTimed, observation.owner], [true, null]);
        const version = era === "modern" ? "2026-07-28" : undefined;
        assertEquals(observation.protocolVersion, version);
        const { _meta = era === "modern" ? envelope() : undefined } = params;
        assertEquals(observation.meta, _meta);
      }
    }
    assertEquals(await client.server.stop(), 0);
  });

  Deno.test(`Observer over ${name}: is told of the error in place of a result that JSON cannot hold`, async () => {
    await using client = await ObservedClient.start(transport, flags);
    let count = transport === "http" ? 1 : 0;
    for (const era of ["legacy", "modern"] as const) {
      const { error } = await client[era]("tools/call", { name: "unwritable" });
      const { kind, code } = await client.last(++count);
      assertEquals([error?.code, kind, code], [-32603, "error", -32603], era);
    }
  });

  Deno.test(`Observer over ${name}: is told of a call's session by a key that it keeps`, async () => {
    await using client = await ObservedClient.start(transport, flags);
    let count = transport === "http" ? 1 : 0;
    const sessionOf = async (reply: Promise<Reply>) => {
      const { result } = await reply;
      assert(result);
      const { session } = await client.last(++count);
      assert(session === undefined || isObject(session));
      return { session, cookie: result._meta?.["mcp/session"] ?? result._meta?.[EXTENSION] };
    };
    const count_ = (_meta: object) => client.legacy("tools/call", { name: "count", _meta });
    const made = await sessionOf(count_({}));
    assertEquals(made.session?.via, "created");
    assertMatch(`${made.session?.key}`, /^[0-9a-f]{16}$/);
    const meta = { "mcp/session": made.cookie };
    const again = await sessionOf(count_(meta));
    assertEquals(again.session, { key: made.session?.key, via: "cookie" });
    const modern = { name: "count", _meta: envelope({ [EXTENSION]: made.cookie }) };
    assertEquals((await sessionOf(client.modern("tools/call", modern))).session, again.session);
    const read = client.legacy("resources/read", { uri: "test://page", _meta: meta });
    assertEquals((await sessionOf(read)).session, again.session);
    const replaced = await sessionOf(client.legacy("tools/call", { name: "replace", _meta: meta }));
    assertEquals(replaced.session?.via, "cookie");
    assert(replaced.session?.key !== made.session?.key);
    assertEquals(
      (await sessionOf(client.legacy("tools/call", { name: "idle" }))).session,
      undefined,
    );
    await client.server.stop();
    assertEquals(client.server.stderr.some((line) => /"session":.*sess-/.test(line)), false);
  });

  Deno.test(`Observer over ${name}: one that throws breaks no request, and is reported once`, async () => {
    await using client = await ObservedClient.start(transport, flags);
    for (const target of ["begin", "run before", "run after", "end", "unwatched"]) {
      for (const era of ["legacy", "modern"] as const) {
        const { result, error } = await client[era]("tools/call", { name: target });
        assertEquals(result?.isError ?? error?.code, era === "legacy" ? true : -32602, target);
      }
    }
    const { result } = await client.legacy("tools/call", { name: "count" });
    assertEquals(result?.structuredContent, { n: 1 });
    await client.server.stop();
    const reports = client.server.stderr.filter((line) => line.includes("An observer has failed"));
    assertEquals(reports, [
      "observed: error: An observer has failed: This observer fails at a beginning",
    ]);
    const seen = client.observed().map(({ target }) => target);
    const expected = ["run before", "run before", "run after", "run after", "count"];
    assertEquals(seen.filter((target) => target !== undefined), expected);
  });

  Deno.test(`Observer over ${name}: is told of a cancelled call, and of calls at the end`, async () => {
    await using client = await ObservedClient.start(transport, flags);
    const before = transport === "http" ? 1 : 0;
    const held = (count: number) =>
      until(
        () => client.server.stderr,
        (said) => said.filter((it) => it === "held").length >= count,
      );
    const hold = () => {
      const params = { name: "hold", _meta: { "mcp/session": cookie } };
      client.legacy("tools/call", params).catch(() => {});
    };
    const { result } = await client.legacy("session/create");
    const cookie = result?._meta?.["mcp/session"];
    hold();
    await held(1);
    await client.notify("notifications/cancelled", {
      requestId: client.id,
      _meta: { "mcp/session": cookie },
    });
    const { kind, code, session } = await client.last(before + 2);
    assertEquals([kind, code], ["cancelled", undefined]);
    assert(isObject(session));
    assertEquals(session.via, "cookie");
  });
}

Deno.test("Observer on stdio: two requests with one id are two, of which the refused one fails", async () => {
  await using client = await ObservedClient.start("stdio");
  assert(client.server instanceof StdioServer);
  const { server } = client;
  const replies = [server.expect("twice"), server.expect("twice")];
  const call = (name: string) =>
    `${JSON.stringify({ jsonrpc: "2.0", id: "twice", method: "tools/call", params: { name } })}\n`;
  await server.write(call("count") + call("idle"));
  await Promise.all(replies);
  await client.last(2);
  assertEquals(
    client.observed().map(({ target, kind, code }) => [target, kind, code]).toSorted(),
    [["count", "ok", undefined], ["idle", "error", -32600]],
  );
});

Deno.test("Observer: is told that the calls of a connection that ends are cancelled", async () => {
  const ends: unknown[] = [];
  const begun = Promise.withResolvers<void>();
  const server = newServer();
  server.registerTool("hold", {}, () => {
    begun.resolve();
    return new Promise(() => {});
  });
  const observer: Observer = {
    request: ({ method }) => ({ end: ({ kind }) => ends.push([method, kind]) }),
  };
  await using caller = await Caller.connect(server, { observer });
  void caller.ask("tools/call", { name: "hold" });
  await begun.promise;
  await server.close();
  assertEquals(ends, [["initialize", "ok"], ["tools/call", "cancelled"]]);
});

Deno.test("Observer over HTTP: a modern client that closes its stream cancels its call", async () => {
  await using client = await ObservedClient.start("http");
  assert(client.server instanceof HttpServer);
  const params = { notifications: { toolsListChanged: true }, _meta: envelope() };
  const text = JSON.stringify({ jsonrpc: "2.0", id: "x", method: "subscriptions/listen", params });
  const response = await post(client.server.url, text, modernHeaders("subscriptions/listen"));
  await response.body?.cancel();
  const { id, kind, method } = await client.last(2);
  assertEquals([id, kind, method], ["x", "cancelled", "subscriptions/listen"]);
});

Deno.test("Observer on stdio: an open subscription ends with its result when the input ends", async () => {
  const client = await ObservedClient.start("stdio");
  const { server } = client;
  assert(server instanceof StdioServer);
  const reply = client.modern("subscriptions/listen", {
    notifications: { toolsListChanged: true },
  });
  await until(() => server.notifications.length, (count) => count > 0);
  assertEquals(await server.endInput(), 0);
  assert((await reply).result);
  const { kind, method } = await client.last(1);
  assertEquals([kind, method], ["ok", "subscriptions/listen"]);
});

Deno.test("Observer: the transport below knows which eras are served", () => {
  for (const era of ["legacy", "modern", "both"] as const) {
    const endpoint = new StatelessEndpoint();
    const observer: Observer = { request: () => undefined };
    sessionLayer(endpoint, { store: new MemoryStore(), era, observer });
    assertEquals(endpoint.servedEras, era);
  }
});

Deno.test("combineObservers: one that returns null, as JavaScript lets it, keeps no other from a request", async () => {
  const ends: string[] = [];
  const nothing: Observer = { request: () => JSON.parse("null") };
  const all: Observer = { request: ({ method }) => ({ end: () => ends.push(method) }) };
  const errors: Error[] = [];
  for (
    const observer of [
      nothing,
      combineObservers([nothing, all], (error) => errors.push(error)),
    ]
  ) {
    await using caller = await Caller.connect(newServer(), { observer });
    assertEquals((await caller.ask("ping")).error, undefined);
  }
  assertEquals([ends, errors], [["initialize", "ping"], []]);
});

Deno.test("combineObservers: an observer that fails later, as async functions do, is reported too", async () => {
  const failLater = async () => {
    await Promise.resolve();
    throw new Error("too late");
  };
  const caller = { owner: null, address: undefined };
  for (const member of ["session", "refused", "request"] as const) {
    const { promise: reported, resolve } = Promise.withResolvers<Error>();
    const late = member === "request"
      ? { request: () => ({ end: failLater }) }
      : { [member]: failLater };
    const combined = combineObservers([late], resolve);
    combined?.session?.({ ...caller, kind: "created", key: "k", id: undefined, via: "cookie" });
    combined?.refused?.({ ...caller, status: 403, reason: "Forbidden" });
    combined?.request?.({} as ObservedRequest)?.end({
      kind: "ok",
      code: undefined,
      durationMs: 1,
      session: undefined,
    });
    assertEquals((await reported).message, "An observer has failed: too late", member);
  }
});
