/** Handles on the wire: the tools that the host sees, and the calls that the server gets. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { BridgeHost, ECHO } from "../../support/bridge/host.ts";
import { tempFolder } from "../../support/temp_folder.ts";
import type { WireResult } from "../../support/servers/server.ts";

const THREE = ["session_create", "session_list", "session_end"];
const HANDLE = "sess-echo";

const tool = (name: string, properties: object = {}, rest: object = {}) => ({
  name,
  inputSchema: { type: "object", properties, ...rest },
});
const TEXT = { type: "string" };

function withTools(
  name: string,
  pages: readonly (readonly unknown[])[],
  fn: (host: BridgeHost) => Promise<void>,
  features = "create,list,delete",
): void {
  Deno.test(`bridge: ${name}`, async () => {
    await using folder = await tempFolder();
    const flags = [`--sessions=${features}`, `--tools=${JSON.stringify(pages)}`];
    await using host = await BridgeHost.connect(folder, [...ECHO, ...flags]);
    await fn(host);
  });
}

/** The params of a call at the server, if it came there. */
async function sent(host: BridgeHost, name: string, args: unknown, meta?: unknown) {
  const { received } = Object(await host.tool(name, args, meta));
  return received?.params;
}

async function names(host: BridgeHost, cursor?: string): Promise<unknown[]> {
  return (await host.result("tools/list", { cursor })).tools.map(({ name }) => name);
}

/** The properties of each tool of the server on a page. */
async function shown(host: BridgeHost, cursor?: string): Promise<Record<string, string[]>> {
  const { tools } = await host.result("tools/list", { cursor });
  return Object.fromEntries(
    tools.filter(({ name }) => !THREE.includes(String(name)))
      .map(({ name, inputSchema }) => [name, Object.keys(Object(inputSchema).properties)]),
  );
}

async function listed(host: BridgeHost): Promise<unknown> {
  return Object(await host.result("listed")).listed;
}

function text({ content, isError }: WireResult): string {
  assertEquals(isError, true);
  return content[0]?.text ?? "";
}

withTools("annotates its three tools", [[tool("a")]], async (host) => {
  const { tools } = await host.result("tools/list");
  const hints = tools.slice(0, 3).map(({ annotations }) => {
    const { readOnlyHint, destructiveHint, openWorldHint } = Object(annotations);
    return [readOnlyHint, destructiveHint, openWorldHint];
  });
  assertEquals(hints, [[false, false, false], [true, false, false], [false, true, false]]);
});

withTools("says that a call in a conversation needs no handle", [[tool("a")]], async (host) => {
  for (
    const [_meta, says] of [[{ threadId: "t" }, /not needed/], [{}, /from session_create/]] as const
  ) {
    const { tools } = await host.result("tools/list", { _meta });
    assertMatch(Object(tools.at(-1)?.inputSchema).properties.session.description, says);
  }
});

const PAGES = [[tool("a"), tool("b", { x: TEXT })], [tool("c")], [tool("d", { session: TEXT })]];

withTools("loads every page before it names the argument", PAGES, async (host) => {
  assertEquals(await names(host), [...THREE, "a", "b"]);
  assertEquals(await shown(host), { a: ["session_handle"], b: ["x", "session_handle"] });
  assertEquals(await shown(host, "1"), { c: ["session_handle"] });
  assertEquals(await shown(host, "2"), { d: ["session", "session_handle"] });
  // One page each for the host, and all of them once for the bridge.
  assertEquals(await listed(host), 4 + 3);
  await host.tool("session_create");
  const args = { session: "of the tool", session_handle: HANDLE };
  const cookie = { "mcp/session": { id: HANDLE } };
  assertEquals(await sent(host, "d", args), {
    name: "d",
    arguments: { session: "of the tool" },
    _meta: cookie,
  });
  // Where the argument has the other name, this one is the tool's own, whatever it is.
  assertEquals(await sent(host, "a", { session: HANDLE }), {
    name: "a",
    arguments: { session: HANDLE },
    _meta: { "mcp/session": null },
  });
  const [said, ...more] = host.stderr;
  assertEquals(more, []);
  assertMatch(said ?? "", /^bridge: warn: handles: .*tool d .*"session" of its own/);
});

withTools("loads the tools for a first call with a handle", PAGES, async (host) => {
  const args = { x: 1, session_handle: HANDLE };
  const { arguments: got } = await sent(host, "b", args);
  assertEquals([got, await listed(host)], [{ x: 1 }, 3]);
});

withTools("loads no tools for calls without a handle", PAGES, async (host) => {
  const { _meta } = await sent(host, "b", { x: 1 });
  assertEquals([_meta, await listed(host)], [{ "mcp/session": null }, 0]);
});

withTools("takes a list of one page for complete", [[tool("a")]], async (host) => {
  assertEquals(await shown(host), { a: ["session"] });
  await host.tool("a", { session: HANDLE });
  assertEquals(await listed(host), 1);
});

withTools("keeps ids, arguments and _meta as they are", [[tool("a")]], async (host) => {
  await host.tool("session_create");
  const _meta = { progressToken: 0, "com.example/trace": { a: [1, null] } };
  for (const id of [0, 7, "7", "a\nb"]) {
    const args = { x: null, y: [1], __proto__x: 1, session: HANDLE };
    const params = { name: "a", arguments: args, _meta: { ..._meta, threadId: "t" }, more: 1 };
    const { result } = await host.request("tools/call", params, id);
    const { session: _, ...rest } = args;
    const received = Object(result).received;
    assertEquals(received, {
      jsonrpc: "2.0",
      id,
      method: "tools/call",
      params: {
        name: "a",
        arguments: rest,
        _meta: { ..._meta, "mcp/session": { id: HANDLE } },
        more: 1,
      },
    });
    assertEquals(result?._meta, { "other/key": 1 });
  }
  const bare = { name: "a", _meta, more: 1 };
  const { result } = await host.request("tools/call", bare, 8);
  assertEquals(Object(result).received.params, {
    ...bare,
    _meta: { ..._meta, "mcp/session": null },
  });
  for (const session of [null, ""]) {
    const params = await sent(host, "a", { session });
    assertEquals(params, { name: "a", arguments: {}, _meta: { "mcp/session": null } });
  }
  for (const args of [null, [HANDLE], "session"]) {
    const { arguments: got } = await sent(host, "a", args);
    assertEquals(got, args);
  }
});

withTools("loads the tools again for an unknown one", [[tool("a")]], async (host) => {
  await names(host);
  const unknown = { name: "later", arguments: { session: HANDLE } };
  const { arguments: before } = await sent(host, "later", unknown.arguments);
  assertEquals([before, await listed(host)], [unknown.arguments, 2]);
  await host.send({ jsonrpc: "2.0", method: "tools", params: { pages: [[tool("later")]] } });
  await host.until(({ method }) => method === "notifications/tools/list_changed");
  const { arguments: after } = await sent(host, "later", unknown.arguments);
  assertEquals([after, await listed(host)], [{}, 3]);
});

withTools(
  "takes a handle of its jar for an unlisted tool too",
  [[tool("a")]],
  async (host) => {
    await host.tool("session_create");
    const { arguments: args, _meta } = await sent(host, "hidden", { x: 1, session: HANDLE });
    assertEquals([args, _meta], [{ x: 1 }, { "mcp/session": { id: HANDLE } }]);
    const own = { x: 1, session: "of the tool" };
    assertEquals((await sent(host, "hidden", own)).arguments, own);
  },
);

withTools("loads the tools again after a reconnect", [[tool("a")]], async (host) => {
  await names(host);
  const pages = [[tool("a", { session: TEXT })]];
  await host.send({ jsonrpc: "2.0", method: "tools", params: { pages } });
  await host.until(({ method }) => method === "notifications/tools/list_changed");
  assertEquals((await sent(host, "a", { session: "own" })).arguments, { session: "own" });
  await host.send({ jsonrpc: "2.0", method: "exit" });
  await host.reconnected();
  // The server is as it was first.
  assertEquals((await sent(host, "a", { session: "handle" })).arguments, {});
});

withTools("offers no handles for a server with a tool of such a name", [[
  tool("a"),
  tool("session_list", { x: TEXT }),
]], async (host) => {
  assertEquals(await names(host), ["a", "session_list"]);
  assertEquals(await shown(host), { a: [] });
  const args = { x: "y", session: HANDLE };
  assertEquals((await sent(host, "session_list", args)).arguments, args);
  assertEquals((await sent(host, "a", { session: HANDLE })).arguments, { session: HANDLE });
  assertEquals((await sent(host, "session_create", {})).name, "session_create");
  await names(host);
  const [said, ...more] = host.stderr;
  assertEquals(more, []);
  assertMatch(
    said ?? "",
    /warn: handles: none, as the server has a tool session_list of its own: --session NAME/,
  );
});

withTools("offers no handles for a server without session/create", [[
  tool("a"),
]], async (host) => {
  assertEquals(await names(host), ["a"]);
  assertEquals((await sent(host, "a", { session: HANDLE })).arguments, { session: HANDLE });
  assertMatch(host.stderr.join("\n"), /^bridge: warn: .*--session NAME or --per-process[^\n]*$/);
}, "list,delete");

withTools(
  "lists no session_end for a server without session/delete",
  [[tool("a")]],
  async (host) => {
    assertEquals(await names(host), ["session_create", "session_list", "a"]);
    assertEquals((await sent(host, "session_end", { session: HANDLE })).name, "session_end");
  },
  "create,list",
);

const OFFERED = ["session", "session_handle"] as const;
for (const argument of OFFERED) {
  const mine = argument === "session" ? {} : { session: TEXT };
  const pages = [
    [...THREE.map((name) => tool(name, { session: TEXT })), tool("a", { [argument]: TEXT })],
    [tool("b", { ...mine, [argument]: TEXT })],
  ];
  withTools(`replaces a server's own handles in ${argument}`, pages, async (host) => {
    assertEquals(await names(host), [...THREE, "a"]);
    assertEquals(await shown(host), { a: [argument] });
    assertEquals(await shown(host, "1"), { b: [...Object.keys(mine), argument] });
    const { arguments: args, _meta } = await sent(host, "b", { ...mine, [argument]: HANDLE });
    assertEquals([args, _meta], [mine, { "mcp/session": { id: HANDLE } }]);
    assertEquals((await host.tool("session_create")).structuredContent, { session: HANDLE });
  });
}

withTools("leaves a tool alone whose schema takes no further property", [[
  { name: "closed", inputSchema: true },
  tool("a"),
]], async (host) => {
  const { tools } = await host.result("tools/list");
  assertEquals(tools.slice(3).map(({ inputSchema }) => inputSchema === true), [true, false]);
  const args = { session: HANDLE };
  assertEquals((await sent(host, "closed", args)).arguments, args);
  assertEquals((await sent(host, "a", args)).arguments, {});
  assertMatch(host.stderr.join("\n"), /^bridge: warn: handles: .*tool closed can take no[^\n]*$/);
});

withTools("names the wrong argument", PAGES, async (host) => {
  assertMatch(text(await host.tool("b", { session_handle: 7 })), /"session_handle" must be/);
  assertMatch(text(await host.tool("a", { session_handle: "a b" })), /argument "session_handle"/);
});

withTools(
  "makes and ends sessions by session/create and session/delete",
  [[tool("a")]],
  async (host) => {
    const meta = { progressToken: 0, threadId: "t", "com.example/trace": 1 };
    const _meta = { progressToken: 0, "com.example/trace": 1 };
    const title = "mine";
    await host.tool("session_create", { title }, meta);
    await host.tool("session_end", { session: HANDLE }, meta);
    const { asked } = Object(await host.result("asked"));
    const made = { hints: { label: title, data: { title } }, _meta };
    assertEquals(asked, [["session/create", made], ["session/delete", { id: HANDLE, _meta }]]);
  },
);

withTools("leaves requests with the host's own cookie alone", [[tool("a")]], async (host) => {
  const { result } = await host.request("session/create", { _meta: { threadId: "t" } });
  assertEquals(result?.id, HANDLE);
  const own = { "mcp/session": { id: "sess-own" } };
  assertEquals(await sent(host, "a", {}, own), { name: "a", arguments: {}, _meta: own });
  assertEquals((await host.tool("a", {}, own))._meta?.["mcp/session"]?.id, "sess-own");
});

withTools("cancels a call by the cookie of its handle", [[tool("a")]], async (host) => {
  await names(host);
  const emit = [{ jsonrpc: "2.0", method: "notifications/message", params: { data: "begun" } }];
  const params = { name: "a", arguments: { session: HANDLE }, emit, silent: true };
  await host.send({ jsonrpc: "2.0", id: 0, method: "tools/call", params });
  await host.until(({ method }) => method === "notifications/message");
  const cancelled = { requestId: 0, reason: "enough" };
  await host.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: cancelled });
  const { seen } = Object(await host.result("seen"));
  const _meta = { "mcp/session": { id: HANDLE } };
  assertEquals(seen.at(-1).params, { ...cancelled, _meta });
  assert(!host.messages.some(({ id }) => id === 0));
});

withTools("drops a call that is cancelled while the tools are loaded", PAGES, async (host) => {
  const params = { name: "a", arguments: { session_handle: HANDLE } };
  const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params };
  const cancelled = { requestId: 1 };
  const cancel = { jsonrpc: "2.0", method: "notifications/cancelled", params: cancelled };
  await host.write(`${JSON.stringify(call)}\n${JSON.stringify(cancel)}\n`);
  await names(host);
  const { seen } = Object(await host.result("seen"));
  assertEquals(seen.map(({ method }: { method: string }) => method), ["notifications/initialized"]);
  assertEquals(await host.endInput(), 0);
  assert(!host.messages.some(({ id }) => id === 1));
});
