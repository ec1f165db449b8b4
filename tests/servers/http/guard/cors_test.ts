/** The hosts and origins that a server serves (CORS). */

import { assertEquals, assertMatch } from "@std/assert";
import { connect } from "node:http2";
import { isPreflight, preflightResponse } from "../../../../servers/base/http/guard/cors.ts";
import { RawConnection } from "../../../support/servers/raw_http.ts";
import { type HttpServer, post, startServer } from "../../../support/servers/server.ts";
import { tokensFile } from "../../../support/servers/tokens.ts";

/** Sends a request with headers that `fetch` would set itself. */
async function ask(
  { url }: HttpServer,
  method: string,
  headers: Record<string, string>,
  target = "/mcp",
): Promise<{ status: number; headers: Headers }> {
  using connection = await RawConnection.open(url);
  const body = method === "POST" ? '{"jsonrpc":"2.0","id":1,"method":"ping"}' : "";
  await connection.request(`${method} ${target}`, body, { connection: "close", ...headers });
  const [head = ""] = (await connection.rest()).split("\r\n\r\n");
  const [first = "", ...rest] = head.split("\r\n");
  const pairs = rest.map((line) => line.split(/: (.*)/s, 2));
  return {
    status: Number(first.split(" ")[1]),
    headers: new Headers(pairs.map(([name = "", value = ""]) => [name, value])),
  };
}

const start = (flags: string[]) => startServer({ server: "session", transport: "http", flags });

Deno.test("--allowed-host: serves the named hosts and the server's own, and no other", async () => {
  const names = ["My-Mac.Local", "mcp.example.com", "10.0.0.5:9000"];
  const flags = names.flatMap((name) => ["--allowed-host", name]);
  await using server = await start([...flags, "--log-level", "info"]);
  const { host, port } = new URL(server.url);
  const cases: [host: string, status: number][] = [
    [host, 200],
    [`[0:0:0:0:0:0:0:1]:${port}`, 200],
    ["MY-MAC.LOCAL.", 200],
    [`my-mac.local:${port}`, 200],
    ["10.0.0.5:9000", 200],
    ["", 403],
    ["localhost", 403],
    [`user@localhost:${port}`, 403],
    ["evil.mcp.example.com", 403],
  ];
  for (const [host, status] of cases) {
    assertEquals((await ask(server, "POST", { host })).status, status, host);
  }
  await server.stop();
  const logged = server.stderr.filter((line) => line.includes("403 as"));
  assertEquals(logged.length, cases.filter(([, status]) => status === 403).length);
  const line = logged.find((line) => line.includes("evil.mcp")) ?? "";
  assertMatch(line, /: info: 403 as .* Host: "evil\.mcp\.example\.com" \(see --allowed-host\)$/);
});

Deno.test("--allowed-host: checks the host of an absolute URL and the Host", async () => {
  await using server = await start(["--allowed-host", "mcp.example.com"]);
  const { host } = new URL(server.url);
  const cases: [target: string, host: string, status: number][] = [
    [`http://${host}/mcp`, host, 200],
    [`HTTP://MCP.example.com:80/mcp`, host, 200],
    ["http://evil.example/mcp", host, 403],
    [`http://${host}/mcp`, "evil.example", 403],
    [`http://user@${host}/mcp`, host, 403],
  ];
  for (const [target, host, status] of cases) {
    const name = `${target} ${host}`;
    assertEquals((await ask(server, "POST", { host }, target)).status, status, name);
  }
});

Deno.test("--host: serves every spelling, and a loopback name needs no tokens", async () => {
  for (const host of ["LOCALHOST", "0:0:0:0:0:0:0:1"]) {
    await using server = await start(["--host", host]);
    const { port } = new URL(server.url);
    assertEquals((await ask(server, "POST", { host: `localhost:${port}` })).status, 200, host);
  }
});

Deno.test("--allowed-origin: pages of the origin may call, and others may not", async () => {
  await using server = await start(["--allowed-origin", "https://app.example.com:8443"]);
  const { host } = new URL(server.url);
  for (const origin of ["https://app.example.com:8443", `http://${host}`]) {
    const { status, headers } = await ask(server, "POST", { origin });
    assertEquals([status, headers.get("access-control-allow-origin")], [200, origin]);
    assertMatch(headers.get("vary") ?? "", /\borigin\b/i);
    assertMatch(headers.get("access-control-expose-headers") ?? "", /\bmcp-session-id\b/);

    const asked = { origin, "access-control-request-method": "POST" };
    const preflight = await ask(server, "OPTIONS", asked);
    assertEquals(preflight.status, 204);
    assertEquals(preflight.headers.get("access-control-allow-origin"), origin);
    assertMatch(preflight.headers.get("access-control-allow-methods") ?? "", /\bPOST\b/);
    for (const name of ["authorization", "content-type", "mcp-protocol-version"]) {
      const names = preflight.headers.get("access-control-allow-headers")?.split(", ") ?? [];
      assertEquals(names.includes(name), true, name);
    }
  }
  for (const origin of ["null", "https://app.example.com", "http://localhost:1"]) {
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

Deno.test("--allowed-origin: a page can read a 401, and its preflight needs no token", async () => {
  await using tokens = await tokensFile({ a: "alice" });
  const origin = "https://app.example.com";
  await using server = await start([...tokens.flags, "--allowed-origin", origin]);
  const refused = await ask(server, "POST", { origin });
  assertEquals(refused.status, 401);
  assertEquals(refused.headers.get("access-control-allow-origin"), origin);
  const preflight = { origin, "access-control-request-method": "POST" };
  assertEquals((await ask(server, "OPTIONS", preflight, "/elsewhere")).status, 204);
});

/** The status of a request over HTTP/2, whose host is its authority. */
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

Deno.test("--allowed-host: checks the authority of HTTP/2", async () => {
  await using server = await start(["--allowed-host", "mcp.example.com"]);
  const { origin } = new URL(server.url);
  assertEquals(await statusOverHttp2(origin), 200);
  assertEquals(await statusOverHttp2(origin, "mcp.example.com"), 200);
  assertEquals(await statusOverHttp2(origin, "evil.example"), 403);
});

Deno.test("--allowed-origin: takes an origin of any scheme, however it is spelled", async () => {
  const cases: [flag: string, origin: string][] = [
    ["HTTPS://App.Example.com:443", "https://app.example.com"],
    ["https://münchen.example:8443", "https://xn--mnchen-3ya.example:8443"],
  ];
  await using server = await start(cases.flatMap(([flag]) => ["--allowed-origin", flag]));
  for (const [, origin] of cases) {
    const { status, headers } = await ask(server, "POST", { origin });
    assertEquals([status, headers.get("access-control-allow-origin")], [200, origin]);
  }
});

Deno.test("preflightResponse(): allows the valid headers that the preflight asks for", () => {
  const preflight = (more: Record<string, string>) => {
    const headers = { "access-control-request-method": "POST", ...more };
    const request = new Request("http://127.0.0.1/mcp", { method: "OPTIONS", headers });
    assertEquals(isPreflight(request), true);
    const response = preflightResponse(request);
    assertEquals(response.status, 204);
    assertMatch(response.headers.get("vary") ?? "", /access-control-request-headers/);
    return response.headers;
  };
  const allowed = (requested: string) =>
    preflight({ "access-control-request-headers": requested })
      .get("access-control-allow-headers")?.split(", ") ?? [];
  const requested = ["mcp-method", "mcp-name", "traceparent", "x-api-key", "authorization"];
  const names = allowed(requested.join(","));
  for (const name of [...requested, "content-type"]) assertEquals(names.includes(name), true, name);
  assertEquals(new Set(names).size, names.length);
  assertEquals(allowed(" X-Custom ,, x-other").slice(-2), ["x-custom", "x-other"]);
  const usual = allowed("accept");
  for (const odd of ["x y", "x\u00e9", "x:y", '"x"', "x".repeat(5000), "x,".repeat(65)]) {
    assertEquals(allowed(odd), usual, odd);
  }
  assertEquals(
    preflight({ "access-control-request-private-network": "true" })
      .get("access-control-allow-private-network"),
    "true",
  );
});

for (const stateful of [false, true]) {
  const flags = stateful ? ["--stateful"] : [];
  Deno.test(`--allowed-origin ${flags}: a page can read responses of every status`, async () => {
    const origin = "vscode-webview://1ab2c3d4";
    await using server = await start(["--allowed-origin", origin, ...flags]);
    const cases: [
      method: string,
      headers: Record<string, string>,
      status: number,
      path?: string,
    ][] = [
      ["POST", {}, stateful ? 400 : 200],
      ["POST", { host: "evil.example" }, 403],
      ["OPTIONS", { host: "evil.example" }, 403],
      ["POST", {}, 404, "/elsewhere"],
      ["POST", { "mcp-session-id": "gone" }, stateful ? 404 : 200],
      ["PUT", {}, stateful ? 400 : 405],
      ["POST", { accept: "text/html" }, 406],
      ["POST", { "content-type": "text/plain" }, 415],
      ["POST", { "mcp-protocol-version": "1999-01-01" }, 400],
    ];
    for (const [method, headers, status, path] of cases) {
      const answer = await ask(server, method, { origin, ...headers }, path);
      const told = answer.headers.get("access-control-allow-origin");
      const shown = answer.headers.get("access-control-expose-headers") ?? "";
      assertEquals([answer.status, told], [status, origin], JSON.stringify(headers));
      assertMatch(shown, /mcp-session-id, retry-after, www-authenticate/);
      assertMatch(answer.headers.get("vary") ?? "", /\borigin\b/);
    }
    const large = await post(server.url, "x".repeat(5 * 1024 * 1024), { origin });
    assertEquals([large.status, large.headers.get("access-control-allow-origin")], [413, origin]);
    await large.body?.cancel();
  });
}
