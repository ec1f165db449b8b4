/** Reading of JSON-RPC messages, over every transport. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { readRequest } from "../../servers/base/message_reader.ts";
import { startServer, TRANSPORTS } from "../support/servers/server.ts";
import { callRequest, opened, post, request } from "../support/servers/wire.ts";

/** A request of so many nested objects and arrays. */
function nested(levels: number): string {
  const arrays = levels - 2;
  const text = "[".repeat(arrays) + '"}]\\"["' + "]".repeat(arrays);
  return `{"jsonrpc":"2.0","id":48,"method":"ping","params":{"nested":${text}}}`;
}

/** Malformed messages, with the code and id of the error response. */
const broken: [text: string, code: number, id: unknown][] = [
  ["{", -32700, null],
  ["nonsense", -32700, null],
  ['{"jsonrpc":"2.0","id":1,"method":"ping"', -32700, null],
  ["[]", -32600, null],
  ['[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600, null],
  ["null", -32600, null],
  ["7", -32600, null],
  ['{"id":41,"method":"ping"}', -32600, 41],
  ['{"jsonrpc":"1.0","id":42,"method":"ping"}', -32600, 42],
  ['{"jsonrpc":"2.0","id":43,"method":7}', -32600, 43],
  ['{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600, null],
  ['{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600, null],
  ['{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600, null],
  [nested(129), -32600, 48],
  [nested(1_000_000), -32600, 48],
  ['{"jsonrpc":"2.0","id":44,"method":"ping","params":[]}', -32602, 44],
  ['{"jsonrpc":"2.0","id":45,"method":"ping","params":"x"}', -32602, 45],
  ['{"jsonrpc":"2.0","id":46,"method":"ping","params":{"_meta":[]}}', -32602, 46],
  ['{"jsonrpc":"2.0","id":47,"method":"ping","params":{"_meta":{"progressToken":{}}}}', -32602, 47],
];

Deno.test("readRequest(): a method makes a request, whatever stands beside it", () => {
  const text =
    '{"jsonrpc":"2.0","id":1,"method":"ping","result":{},"error":{"code":1,"message":""}}';
  assertEquals(readRequest(new TextEncoder().encode(text)), {
    kind: "message",
    message: { jsonrpc: "2.0", id: 1, method: "ping" },
  });
});

for (const transport of TRANSPORTS) {
  Deno.test(`readRequest() over ${transport}: refuses malformed messages, and the server goes on`, async () => {
    await using server = await startServer({ server: "notebook", transport });
    await server.initialize();
    for (const [text, code, id] of broken) {
      const reply = await server.send(text, id);
      assertEquals([reply.error?.code, reply.id], [code, id], text);
      if (reply.status !== undefined) assertEquals(reply.status, 400, text);
    }
    assertEquals<unknown>(await server.result("ping"), {});
    assertEquals<unknown>((await server.send(nested(128), 48)).result, {});
  });

  Deno.test(`readRequest() over ${transport}: refuses unknown methods and malformed params`, async () => {
    await using server = await startServer({ server: "notebook", transport });
    const cookie = await server.create();
    const _meta = { "mcp/session": cookie };
    const cases: [method: string, params: unknown, code: number][] = [
      ["no/such/method", undefined, -32601],
      ["session/nonsense", undefined, -32601],
      ["sessions/create", undefined, -32601],
      ["tools/call", { _meta }, -32602],
      ["tools/call", { _meta, name: 7 }, -32602],
      ["tools/call", { _meta, name: "notebook_append", arguments: [] }, -32602],
    ];
    for (const [method, params, code] of cases) {
      const { error } = await server.request(method, params);
      assertEquals(error?.code, code, `${method} ${JSON.stringify(params)}`);
    }
  });

  Deno.test(`readRequest() over ${transport}: keeps the type of a request's id`, async () => {
    await using server = await startServer({ server: "notebook", transport });
    for (const id of [0, 7, "7", "", "x", -1, Number.MAX_SAFE_INTEGER]) {
      const reply = await server.send(request("ping", {}, id), id);
      assertEquals(reply.id, id);
      assert(reply.result);
    }
  });

  Deno.test(`readRequest() over ${transport}: refuses a message of more than 4 MiB, and the server goes on`, async () => {
    await using server = await startServer({ server: "session_required", transport });
    const cookie = await server.create();
    const large = (length: number) =>
      callRequest("echo", { text: "x".repeat(length) }, "large", { "mcp/session": cookie });
    const limit = 4 * 1024 * 1024;
    const refused = await server.send(large(limit), transport === "stdio" ? "large" : null);
    assertMatch(refused.error?.message ?? "", /4194304/);
    if (refused.status !== undefined) assertEquals(refused.status, 413);
    const answered = await server.send(large(limit - 1000), "large");
    assertEquals(answered.result?.content[0]?.text.length, limit - 1000);
  });
}

Deno.test("readRequest() over http --stateful: refuses malformed messages, and takes null params", async () => {
  const flags = ["--stateful"];
  await using server = await startServer({ server: "session_required", transport: "http", flags });
  const session = await opened(server.url);
  for (const [text, code, expected] of broken) {
    const response = await post(server.url, text, session);
    const reply = await response.json();
    assertEquals([response.status, reply.error.code, reply.id], [400, code, expected], text);
  }
  const create = '{"jsonrpc":"2.0","id":1,"method":"session/create","params":';
  for (const params of ["null", '{"_meta":null}']) {
    const response = await post(server.url, `${create}${params}}`, session);
    assertMatch(await response.text(), /"mcp\/session":\{"id":"sess-/);
  }
});

const MODERN = { "io.modelcontextprotocol/protocolVersion": "2026-07-28" };

Deno.test("readRequest() over stdio: a legacy version where a modern one stands leaves the request as it is", async () => {
  await using server = await startServer({ server: "notebook", transport: "stdio" });
  // A notification gets no response.
  await server.notify("notifications/initialized", { _meta: MODERN });
  await server.initialize();
  const _meta = { "io.modelcontextprotocol/protocolVersion": "2025-11-25", "mcp/session": null };
  assertEquals((await server.result("tools/list", { _meta })).tools.length, 4);
});

/** Messages without a `method`: two peers that respond to each other's responses never end. */
const STRAYS: [text: string, httpStatus: number][] = [
  ['{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}', 202],
  ['{"jsonrpc":"2.0","error":{"code":-32600,"message":"x"}}', 202],
  ['{"jsonrpc":"2.0","id":1,"error":"x"}', 202],
  ['{"jsonrpc":"2.0","id":1,"error":{"code":"x","message":"x"}}', 202],
  ['{"jsonrpc":"2.0","id":1,"result":null}', 202],
  ['{"jsonrpc":"2.0","id":{},"result":{}}', 202],
  ['{"id":1,"result":{}}', 202],
  [`{"jsonrpc":"2.0","id":1,"result":${"[".repeat(200)}${"]".repeat(200)}}`, 202],
  ['{"jsonrpc":"2.0","id":99,"result":{}}', 202],
  ["{}", 400],
  ['{"jsonrpc":"2.0","id":1}', 400],
];

Deno.test("readRequest() over stdio: does not respond to lines without a method, and logs few of thousands", async () => {
  const flags = ["--log-level", "info"];
  await using server = await startServer({ server: "notebook", transport: "stdio", flags });
  await server.initialize();
  const large = `{"jsonrpc":"2.0","id":1,"result":{"text":"${"x".repeat(4 * 1024 * 1024)}"}}`;
  const lines = [...STRAYS.map(([text]) => text), large];
  for (let round = 0; round < 500; round++) {
    await server.write(`${lines.slice(0, -1).join("\n")}\n`);
  }
  await server.write(`${large}\n`);
  assertEquals<unknown>(await server.result("ping"), {});
  // An answer to any of them would be unasked.
  assertEquals(await server.endInput(), 0);
  const strays = server.stderr.filter((line) => !/sessions are kept|stopped/.test(line));
  assert(strays.length > 0 && strays.length < 10, strays.join("\n"));
});
for (const flags of [[], ["--stateful"]]) {
  Deno.test(`readRequest() over http ${flags}: accepts stray responses, and refuses other messages without a method`, async () => {
    await using server = await startServer({ server: "notebook", transport: "http", flags });
    const headers = await opened(server.url);
    for (const [text, status] of STRAYS) {
      const response = await post(server.url, text, headers);
      const body = await response.text();
      assertEquals([response.status, body === ""], [status, status === 202], text);
    }
  });
}

Deno.test("readRequest() over stdio: two servers connected to each other fall silent", async () => {
  await using one = await startServer({ server: "notebook", transport: "stdio" });
  await using two = await startServer({ server: "session", transport: "stdio" });
  // Each output line of one is input of the other.
  const peers = [[one, two], [two, one]] as const;
  for (const [from, to] of peers) from.onunasked = (line) => to.write(`${line}\n`);
  const malformed = '{"jsonrpc":"2.0","id":{},"method":7}';
  for (const text of ["nonsense", "[]", "7", STRAYS[0]?.[0], malformed]) {
    await one.write(`${text}\n`);
    await two.write(`${text}\n`);
  }
  let before = -1;
  for (let lines = 0; lines > before;) {
    before = lines;
    for (const [peer] of peers) await peer.result("ping");
    lines = one.unasked.length + two.unasked.length;
  }
  // Only a line that could be a request gets a response.
  assertEquals([one.unasked.length, two.unasked.length], [4, 4]);
  for (const [peer] of peers) peer.unasked.length = 0;
});

/** Messages of more than 4 MiB, with the id of the error response. */
const LARGE_TEXT = `"${"x".repeat(4 * 1024 * 1024)}"`;
const LONG: [text: string, id: unknown][] = [
  [`{"jsonrpc":"2.0","id":"first","method":"ping","params":{"x":${LARGE_TEXT}}}`, "first"],
  [`{"params":{"x":${LARGE_TEXT}},"method":"ping","jsonrpc":"2.0","id":"last"}`, "last"],
  [`{"a":${LARGE_TEXT},"method":"ping","id":7,"jsonrpc":"2.0","b":${LARGE_TEXT}}`, 7],
  [`{ "\\u0069d" : -1 , "met\\u0068od":"ping","params":{"id":2,"x":${LARGE_TEXT}}}`, -1],
  [`{"id":"a\\"b\\\\","method":"ping","params":{"x":${LARGE_TEXT}}}`, 'a"b\\'],
  // The id of an argument is not the request's.
  [
    `{"jsonrpc":"2.0","method":"x","params":{"id":1,"x":${LARGE_TEXT},"y":{"id":2}},"id":"own"}`,
    "own",
  ],
  [`{"jsonrpc":"2.0","method":"x","params":{"x":${LARGE_TEXT},"text":"\\",\\"id\\":3"}}`, null],
  [`{"jsonrpc":"2.0","method":"x","id":{"id":1},"params":{"x":${LARGE_TEXT}}}`, null],
  [`{"jsonrpc":"2.0","method":"x","id":1.5,"params":{"x":${LARGE_TEXT}}}`, null],
  [`{"jsonrpc":"2.0","method":"x","id":1,"params":{"x":${LARGE_TEXT}},"id":2}`, 2],
  [`{"jsonrpc":"2.0","method":"x","id":1,"params":{"x":${LARGE_TEXT}}`, null],
  [`[{"jsonrpc":"2.0","method":"x","id":1,"params":{"x":${LARGE_TEXT}}}]`, null],
  [LARGE_TEXT, null],
];

Deno.test("readRequest() over stdio: refuses a message of more than 4 MiB under the id at its top level", async () => {
  await using server = await startServer({ server: "notebook", transport: "stdio" });
  await server.initialize();
  for (const [text, id] of LONG) {
    const { error } = await server.send(text, id);
    assertMatch(error?.message ?? "", /at most 4194304 bytes/);
  }
  assertEquals<unknown>(await server.result("ping"), {});
});
