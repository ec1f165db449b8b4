import { assert, assertEquals, assertMatch } from "@std/assert";
import { INITIALIZE, post, startServer, TRANSPORTS } from "../../support/servers/server.ts";

/** A request with so many objects and arrays in one another. */
function nested(levels: number): string {
  const arrays = levels - 2;
  const text = "[".repeat(arrays) + '"}]\\"["' + "]".repeat(arrays);
  return `{"jsonrpc":"2.0","id":48,"method":"ping","params":{"nested":${text}}}`;
}

/** Messages that are none, the error that answers them, and the id that it has. */
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

for (const transport of TRANSPORTS) {
  Deno.test(`broken input over ${transport}: gets the right answer, and the server goes on`, async () => {
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

  Deno.test(`unknown methods and malformed params over ${transport}: are JSON-RPC errors`, async () => {
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

  Deno.test(`a request's id over ${transport}: comes back with its type`, async () => {
    await using server = await startServer({ server: "notebook", transport });
    for (const id of [0, 7, "7", "", "x", -1, Number.MAX_SAFE_INTEGER]) {
      const reply = await server.send(JSON.stringify({ jsonrpc: "2.0", id, method: "ping" }), id);
      assertEquals(reply.id, id);
      assert(reply.result);
    }
  });

  Deno.test(`a message of more than 4 MiB over ${transport}: is refused, and the server goes on`, async () => {
    await using server = await startServer({ server: "session_required", transport });
    const cookie = await server.create();
    const large = (length: number) =>
      JSON.stringify({
        jsonrpc: "2.0",
        id: "large",
        method: "tools/call",
        params: {
          name: "echo",
          arguments: { text: "x".repeat(length) },
          _meta: { "mcp/session": cookie },
        },
      });
    const limit = 4 * 1024 * 1024;
    const refused = await server.send(large(limit), transport === "stdio" ? "large" : null);
    assertMatch(refused.error?.message ?? "", /4194304/);
    if (refused.status !== undefined) assertEquals(refused.status, 413);
    const answered = await server.send(large(limit - 1000), "large");
    assertEquals(answered.result?.content[0]?.text.length, limit - 1000);
  });
}

Deno.test("stdio: a message may come in pieces, and many in one piece", async () => {
  await using server = await startServer({ server: "session_required", transport: "stdio" });
  const { id } = await server.create();
  const text = "naïve 🦕 text";
  const call = JSON.stringify({
    jsonrpc: "2.0",
    id: "pieces",
    method: "tools/call",
    params: { name: "echo", arguments: { text }, _meta: { "mcp/session": { id } } },
  });
  const reply = server.expect("pieces");
  const bytes = new TextEncoder().encode(`\r\n \n${call}\r\n`);
  for (const byte of bytes) await server.writeBytes(Uint8Array.of(byte));
  assertEquals((await reply).result?.content[0]?.text, text);

  const ids = Array.from({ length: 200 }, (_, index) => `many ${index}`);
  const replies = ids.map((id) => server.expect(id));
  await server.write(
    ids.map((id) => JSON.stringify({ jsonrpc: "2.0", id, method: "ping" }) + "\n").join(""),
  );
  for (const { result } of await Promise.all(replies)) assertEquals<unknown>(result, {});
});

Deno.test("stdio: the last line needs no end of its own", async () => {
  const server = await startServer({ server: "session_required", transport: "stdio" });
  const reply = server.expect("last");
  await server.write('{"jsonrpc":"2.0","id":"last","method":"ping"}');
  assertEquals(await server.endInput(), 0);
  assertEquals<unknown>((await reply).result, {});
});

Deno.test("stdio: a line that is not UTF-8 is a parse error", async () => {
  await using server = await startServer({ server: "session_required", transport: "stdio" });
  const reply = server.expect(null);
  await server.writeBytes(Uint8Array.of(0x22, 0xff, 0xfe, 0x22, 0x0a));
  assertEquals((await reply).error?.code, -32700);
});

Deno.test("stdio: an id that is still in flight is refused to a second request", async () => {
  await using server = await startServer({ server: "notebook", transport: "stdio" });
  const cookie = await server.create();
  const append = (text: string) =>
    JSON.stringify({
      jsonrpc: "2.0",
      id: "twice",
      method: "tools/call",
      params: {
        name: "notebook_append",
        arguments: { text },
        _meta: { "mcp/session": cookie },
      },
    });
  const expected = [server.expect("twice"), server.expect("twice")];
  await server.write(`${append("first")}\n${append("second")}\n`);
  const replies = await Promise.all(expected);
  assertEquals(replies.map(({ error }) => error?.code).sort(), [-32600, undefined]);
  const { structuredContent } = await server.toolResult("notebook_status", {}, cookie);
  assertEquals(structuredContent.note_count, 1);
});

Deno.test("HTTP: what is not an MCP request is refused with a status and a reason", async () => {
  await using server = await startServer({ server: "session_required", transport: "http" });
  const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
  const accept = "application/json, text/event-stream";
  const { origin } = new URL(server.url);
  const cases: [send: () => Promise<Response>, status: number][] = [
    [() => fetch(server.url, { headers: { accept } }), 405],
    [() => fetch(server.url, { method: "DELETE" }), 405],
    [() => fetch(server.url, { method: "PUT", body: ping }), 405],
    [() => fetch(server.url, { method: "OPTIONS" }), 405],
    [() => fetch(`${origin}/`, { method: "POST", body: ping }), 404],
    [() => fetch(`${origin}/mcp/x`, { method: "POST", body: ping }), 404],
    [() => post(server.url, ping, { accept: "application/json" }), 406],
    [() => post(server.url, ping, { accept: "text/event-stream" }), 406],
    [() => post(server.url, ping, { "content-type": "text/plain" }), 415],
    [() => post(server.url, ping, { "content-type": "application/jsonx" }), 415],
    [() => post(server.url, ping, { "mcp-protocol-version": "1999-01-01" }), 400],
    [() => post(server.url, ping, { origin: "http://evil.example" }), 403],
    [() => post(server.url, ping, { origin: "null" }), 403],
    [() => post(server.url, ping, { origin }), 200],
    [() => post(server.url, ping, { "content-type": "Application/JSON; charset=utf-8" }), 200],
    [() => post(server.url, ping, { "mcp-protocol-version": "2025-03-26" }), 200],
    [() => post(server.url, '{"jsonrpc":"2.0","method":"notifications/initialized"}'), 202],
    [() => post(server.url, '{"jsonrpc":"2.0","id":1,"result":{}}'), 202],
  ];
  for (const [index, [send, status]] of cases.entries()) {
    const response = await send();
    const body = await response.text();
    assertEquals(response.status, status, `case ${index}: ${body}`);
    if (status === 405) assertEquals(response.headers.get("allow"), "POST");
    if (status >= 400) assertMatch(JSON.parse(body).error.message, /\w/);
  }
});

Deno.test("HTTP: a body that breaks off is refused, and leaves no stack trace", async () => {
  const server = await startServer({ server: "session_required", transport: "http" });
  const { hostname, port } = new URL(server.url);
  {
    using connection = await Deno.connect({ hostname, port: Number(port) });
    const head = [
      "POST /mcp HTTP/1.1",
      `host: ${hostname}:${port}`,
      "accept: application/json, text/event-stream",
      "content-type: application/json",
      "content-length: 100",
    ];
    await connection.write(new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n{"jsonrpc"`));
    await connection.closeWrite();
    await new Response(connection.readable).text();
  }
  await server.initialize();
  assertEquals(await server.stop(), 0);
  assertEquals(server.stderr, []);
});

Deno.test("--stateful: refuses and reads the same things as the stateless transport", async () => {
  await using server = await startServer({
    server: "session_required",
    transport: "http",
    flags: ["--stateful"],
  });
  const initialize = await post(
    server.url,
    JSON.stringify({
      jsonrpc: "2.0",
      id: 0,
      method: "initialize",
      params: INITIALIZE,
    }),
  );
  await initialize.body?.cancel();
  const id = initialize.headers.get("mcp-session-id") ?? "";
  for (const [text, code, expected] of broken) {
    const response = await post(server.url, text, { "mcp-session-id": id });
    const reply = await response.json();
    assertEquals([response.status, reply.error.code, reply.id], [400, code, expected], text);
  }
  const request = '{"jsonrpc":"2.0","id":1,"method":"session/create","params":';
  for (const params of ["null", '{"_meta":null}']) {
    const response = await post(server.url, `${request}${params}}`, { "mcp-session-id": id });
    assertMatch(await response.text(), /"mcp\/session":\{"id":"sess-/);
  }
});

Deno.test("HTTP: clients that use the same ids do not meet", async () => {
  await using server = await startServer({ server: "session_required", transport: "http" });
  const cookies = await Promise.all(Array.from({ length: 20 }, () => server.create()));
  const replies = await Promise.all(cookies.map((cookie) =>
    server.send(
      JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method: "tools/call",
        params: { name: "whoami", arguments: {}, _meta: { "mcp/session": cookie } },
      }),
      1,
    )
  ));
  assertEquals(
    replies.map(({ result }) => result?.structuredContent.session_id),
    cookies.map(({ id }) => id),
  );
});

Deno.test("HTTP: a request for another host is refused, as DNS rebinding makes one", async () => {
  await using server = await startServer({ server: "session_required", transport: "http" });
  const { hostname, port } = new URL(server.url);
  const cases: [host: string, status: string][] = [
    [`${hostname}:${port}`, "200"],
    [`localhost:${port}`, "200"],
    [`[::1]:${port}`, "200"],
    ["evil.example", "403"],
    [`evil.example:${port}`, "403"],
    [`localhost.evil.example:${port}`, "403"],
    [`${hostname}:1`, "403"],
    [hostname, "403"],
  ];
  for (const [host, status] of cases) {
    // fetch sets the header itself, so this one is written by hand.
    using connection = await Deno.connect({ hostname, port: Number(port) });
    const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
    const head = [
      "POST /mcp HTTP/1.1",
      `host: ${host}`,
      "accept: application/json, text/event-stream",
      "content-type: application/json",
      `content-length: ${body.length}`,
      "connection: close",
    ];
    await connection.write(new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n${body}`));
    const answer = await new Response(connection.readable).text();
    assertEquals(answer.slice(0, 12), `HTTP/1.1 ${status}`, host);
  }
});
