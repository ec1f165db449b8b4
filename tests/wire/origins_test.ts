/** Which hosts a server answers to, and to pages from which origins (CORS). */

import { assertEquals, assertMatch } from "@std/assert";
import { connect } from "node:http2";
import { type HttpServer, startServer } from "../support/server.ts";

/** What a request with these headers, which `fetch` would set itself, is answered with. */
async function ask(
  { url }: HttpServer,
  method: string,
  headers: Record<string, string>,
): Promise<{ status: number; headers: Headers }> {
  const { hostname, port, host } = new URL(url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const body = method === "POST" ? '{"jsonrpc":"2.0","id":1,"method":"ping"}' : "";
  const all = {
    host,
    accept: "application/json, text/event-stream",
    "content-type": "application/json",
    "content-length": `${body.length}`,
    connection: "close",
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const request = `${method} /mcp HTTP/1.1\r\n${lines}\r\n${body}`;
  await connection.write(new TextEncoder().encode(request));
  const [head = ""] = (await new Response(connection.readable).text()).split("\r\n\r\n");
  const [first = "", ...rest] = head.split("\r\n");
  const pairs = rest.map((line) => line.split(/: (.*)/s, 2));
  return {
    status: Number(first.split(" ")[1]),
    headers: new Headers(pairs.map(([name = "", value = ""]) => [name, value])),
  };
}

const start = (flags: string[]) => startServer({ server: "session", transport: "http", flags });

Deno.test("--allowed-host: is answered to exactly as it is written, and no other is", async () => {
  const names = ["mcp.example.com", "10.0.0.5:9000"];
  await using server = await start(names.flatMap((name) => ["--allowed-host", name]));
  const { host, port } = new URL(server.url);
  const cases: [host: string, status: number][] = [
    ["mcp.example.com", 200],
    ["10.0.0.5:9000", 200],
    [host, 200],
    ["mcp.example.com:9000", 403],
    [`mcp.example.com:${port}`, 403],
    ["10.0.0.5", 403],
    ["example.com", 403],
    ["evil.mcp.example.com", 403],
    ["mcp.example.com.evil.example", 403],
    ["mcp.example.com, evil.example", 403],
  ];
  for (const [host, status] of cases) {
    assertEquals((await ask(server, "POST", { host })).status, status, host);
  }
});

Deno.test("--allowed-origin: its pages may call and are told so, and others may not", async () => {
  await using server = await start(["--allowed-origin", "https://app.example.com:8443"]);
  const { host } = new URL(server.url);
  for (const origin of ["https://app.example.com:8443", `http://${host}`]) {
    const { status, headers } = await ask(server, "POST", { origin });
    assertEquals([status, headers.get("access-control-allow-origin")], [200, origin]);
    assertMatch(headers.get("vary") ?? "", /\borigin\b/i);
    assertMatch(headers.get("access-control-expose-headers") ?? "", /\bmcp-session-id\b/);

    const preflight = await ask(server, "OPTIONS", {
      origin,
      "access-control-request-method": "POST",
    });
    assertEquals(preflight.status, 204);
    assertEquals(preflight.headers.get("access-control-allow-origin"), origin);
    assertMatch(preflight.headers.get("access-control-allow-methods") ?? "", /\bPOST\b/);
    for (const name of ["authorization", "content-type", "mcp-protocol-version"]) {
      const names = preflight.headers.get("access-control-allow-headers")?.split(", ") ?? [];
      assertEquals(names.includes(name), true, name);
    }
  }
  const strangers = [
    "null",
    "https://app.example.com",
    "http://app.example.com:8443",
    "https://app.example.com:8443.evil.example",
    "https://evil.example",
    "http://localhost:1",
  ];
  for (const origin of strangers) {
    for (const method of ["POST", "OPTIONS"]) {
      const { status, headers } = await ask(server, method, {
        origin,
        "access-control-request-method": "POST",
      });
      assertEquals([status, headers.get("access-control-allow-origin")], [403, null], origin);
    }
  }
  const { headers } = await ask(server, "POST", {});
  assertEquals(headers.get("access-control-allow-origin"), null);
});

Deno.test("--allowed-origin: a page is told of a 401 too, and its preflight needs no token", async () => {
  const tokens = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(tokens, `${"0".repeat(64)} alice`);
    const origin = "https://app.example.com";
    await using server = await start(["--tokens", tokens, "--allowed-origin", origin]);
    const refused = await ask(server, "POST", { origin });
    assertEquals(refused.status, 401);
    assertEquals(refused.headers.get("access-control-allow-origin"), origin);
    const asked = { origin, "access-control-request-method": "POST" };
    assertEquals((await ask(server, "OPTIONS", asked)).status, 204);
  } finally {
    await Deno.remove(tokens);
  }
});

/** The status of a request over HTTP/2, which has no Host but an authority. */
async function statusOverHttp2(url: string, authority?: string): Promise<number> {
  const client = connect(url);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  client.on("error", reject);
  const request = client.request({
    ":method": "POST",
    ":path": "/mcp",
    ...(authority && { ":authority": authority }),
    accept: "application/json, text/event-stream",
    "content-type": "application/json",
  });
  request.on("response", (headers) => resolve(Number(headers[":status"])));
  request.on("error", reject);
  request.end('{"jsonrpc":"2.0","id":1,"method":"ping"}');
  request.resume();
  try {
    return await promise;
  } finally {
    await new Promise<void>((closed) => client.close(closed));
  }
}

Deno.test("a proxy that speaks HTTP/2: is answered by the host that it names", async () => {
  await using server = await start(["--allowed-host", "mcp.example.com"]);
  const { origin } = new URL(server.url);
  assertEquals(await statusOverHttp2(origin), 200);
  assertEquals(await statusOverHttp2(origin, "mcp.example.com"), 200);
  assertEquals(await statusOverHttp2(origin, "evil.example"), 403);
});
