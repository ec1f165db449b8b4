/**
 * One session by its cookie, used in both eras in turn, on one process and one endpoint, over every
 * transport, and across restarts.
 */

import { assert, assertEquals } from "@std/assert";
import { senderOf } from "../support/servers/callers.ts";
import { envelope, EXTENSION, postModern } from "../support/servers/modern_wire.ts";
import {
  HttpServer,
  messagesOf,
  presenting,
  type Reply,
  type Server,
  startServer,
  type WireCookie,
  type WireResult,
} from "../support/servers/server.ts";
import { tempFolder } from "../support/temp_folder.ts";

const SERVINGS = [
  ["stdio", []],
  ["http", []],
  ["http", ["--stateful"]],
  ["stdio", []],
] as const;

/** Sends a modern request, on the connection or endpoint that legacy ones use too. */
async function modern(
  server: Server,
  method: string,
  params: Record<string, unknown> = {},
  meta: Record<string, unknown> = {},
): Promise<Reply> {
  const sent = { ...params, _meta: envelope(meta) };
  if (!(server instanceof HttpServer)) return await server.request(method, sent);
  const reply = (await messagesOf(await postModern(server.url, method, sent))).at(-1);
  assert(reply?.jsonrpc);
  return { ...reply, jsonrpc: reply.jsonrpc, id: reply.id };
}

const TEXT = { key: "k", text: "t" };
const STORE = { name: "hashcheck_store", arguments: TEXT };
const VERIFY = { name: "hashcheck_verify", arguments: TEXT };

/** The result of a call that has found the hash of {@linkcode TEXT}. */
function assertMatch({ result, error }: Reply): WireResult {
  assert(result, JSON.stringify(error));
  assertEquals(result.structuredContent.match, true);
  return result;
}

/** The keys of a cookie in the `_meta` of a result. */
function keysOf({ _meta = {} }: WireResult): string[] {
  return ["mcp/session", EXTENSION].filter((key) => Object.hasOwn(_meta, key));
}

Deno.test("a session: goes on in the other era, on any transport, and at another process", async () => {
  await using folder = await tempFolder();
  const store = `file:${folder.path}/sessions.jsonl`;
  let cookie: WireCookie | undefined;
  for (const [transport, flags] of SERVINGS) {
    // Each process ends by being killed: what was stored is on disk.
    await using server = await startServer({
      server: "hashcheck",
      transport,
      store,
      flags: [...flags],
    });
    const { result: discovery } = await modern(server, "server/discover");
    assertEquals(Object(discovery).supportedVersions, ["2026-07-28"]);
    const legacy = await senderOf(server);
    if (cookie === undefined) {
      const { result } = await legacy("session/create", {});
      assert(result);
      cookie = { id: result.id, expiry: result.expiry, data: result.data };
      const stored = await legacy("tools/call", { ...STORE, ...presenting(cookie) });
      assertEquals(stored.result?.structuredContent.action, "store");
    }
    const inLegacy = assertMatch(
      await legacy("tools/call", { ...VERIFY, ...presenting(cookie) }),
    );
    const inModern = assertMatch(
      await modern(server, "tools/call", VERIFY, { [EXTENSION]: cookie }),
    );
    const again = assertMatch(await legacy("tools/call", { ...VERIFY, ...presenting(cookie) }));
    assertEquals([inLegacy, inModern, again].map(keysOf), [
      ["mcp/session"],
      [EXTENSION],
      ["mcp/session"],
    ]);
    assertEquals(Object(inModern._meta?.[EXTENSION]).id, cookie.id);
  }
});

for (const [transport, flags] of SERVINGS.slice(0, 3)) {
  const how = [transport, ...flags].join(" ");

  Deno.test(`a session: the answer of either era has the cookie under the key of its request (${how})`, async () => {
    await using server = await startServer({ server: "hashcheck", transport, flags: [...flags] });
    const legacy = await senderOf(server);
    const { result } = await modern(server, "session/create");
    assert(result);
    const cookie = { id: result.id };
    const _meta = { [EXTENSION]: cookie };
    await modern(server, "tools/call", STORE, _meta);
    const underOther = [
      await legacy("tools/call", { ...VERIFY, _meta }),
      await modern(server, "tools/call", VERIFY, { "mcp/session": cookie }),
      await legacy("tools/call", { ...VERIFY, _meta: { ..._meta, "mcp/session": cookie } }),
      await modern(server, "tools/call", VERIFY, { ..._meta, "mcp/session": cookie }),
    ];
    assertEquals(underOther.map((reply) => keysOf(assertMatch(reply))), [
      [EXTENSION],
      ["mcp/session"],
      ["mcp/session", EXTENSION],
      ["mcp/session", EXTENSION],
    ]);
  });

  Deno.test(`a session: one that a client of one era ends is gone for those of the other (${how})`, async () => {
    await using server = await startServer({
      server: "hashcheck",
      transport,
      flags: [...flags, "--handles", "never"],
    });
    const legacy = await senderOf(server);
    const enders = [
      (id: string) => legacy("session/delete", { id }),
      (id: string) => modern(server, "session/delete", { id }),
    ];
    for (const end of enders) {
      const { result } = await legacy("session/create", {});
      assert(result);
      const { id } = result;
      assertEquals((await end(id)).result?.deleted, true);
      const { error: inLegacy } = await legacy("tools/call", { ...VERIFY, ...presenting({ id }) });
      const { error: inModern } = await modern(server, "tools/call", VERIFY, {
        [EXTENSION]: { id },
      });
      const reason = { reason: "unknown" };
      assertEquals([inLegacy?.code, inLegacy?.data], [-32002, reason]);
      assertEquals([inModern?.code, inModern?.data], [-31002, reason]);
      assertEquals(inModern?.message, inLegacy?.message.replaceAll("mcp/session", EXTENSION));
    }
  });
}
