/** Which hosts a server answers to, and to pages from which origins (CORS). */

import { assertEquals, assertMatch } from "@std/assert";
import { connect } from "node:http2";
import { type HttpServer, post, startServer } from "../../support/servers/server.ts";

/** What a request with these headers, which `fetch` would set itself, is answered with. */
async function ask(
  { url }: HttpServer,
  method: string,
  headers: Record<string, string>,
  target = "/mcp",
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
  const request = `${method} ${target} HTTP/1.1\r\n${lines}\r\n${body}`;
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

Deno.test("--allowed-host: is answered to however it is spelled, and no other is", async () => {
  const names = [
    "My-Mac.Local",
    "mcp.example.com",
    "10.0.0.5:9000",
    "name.:8080",
    "plain.example:80",
    "secure.example:443",
    "münchen.example",
    "[2001:db8::1]",
  ];
  const flags = names.flatMap((name) => ["--allowed-host", name]);
  await using server = await start([...flags, "--log-level", "info"]);
  const { host, port } = new URL(server.url);
  const cases: [host: string, status: number][] = [
    [host, 200],
    [`LocalHost:${port}`, 200],
    [`localhost.:${port}`, 200],
    [`[::1]:${port}`, 200],
    [`[0:0:0:0:0:0:0:1]:${port}`, 200],
    [`[0000:0000::0001]:${port}`, 200],
    [`localhost:0${port}`, 200],
    ["my-mac.local", 200],
    ["MY-MAC.LOCAL.", 200],
    [`my-mac.local:${port}`, 200],
    ["mcp.example.com", 200],
    ["mcp.example.com:", 200],
    ["mcp.example.com:80", 200],
    ["mcp.example.com:443", 200],
    [`mcp.example.com:${port}`, 200],
    ["10.0.0.5:9000", 200],
    ["name:8080", 200],
    ["Name.:8080", 200],
    ["plain.example", 200],
    ["plain.example:80", 200],
    ["secure.example", 200],
    ["secure.example:443", 200],
    ["xn--mnchen-3ya.example", 200],
    ["[2001:DB8:0:0::1]", 200],
    ["", 403],
    [".", 403],
    [`:${port}`, 403],
    ["localhost", 403],
    ["localhost:80", 403],
    [`localhost..:${port}`, 403],
    [`localhost.evil:${port}`, 403],
    [`localhost.evil.example:${port}`, 403],
    [`evil.localhost:${port}`, 403],
    [`user@localhost:${port}`, 403],
    [`localhost:${port}@evil.example`, 403],
    [`localhost:${port}:${port}`, 403],
    [`local%68ost:${port}`, 403],
    [`local\u00adhost:${port}`, 403],
    [`2130706433:${port}`, 403],
    [`127.1:${port}`, 403],
    [`localhost:${Number(port) + 65_536}`, 403],
    ["plain.example:443", 403],
    ["secure.example:80", 403],
    ["mcp.example.com:9000", 403],
    ["name", 403],
    ["10.0.0.5", 403],
    ["example.com", 403],
    ["evil.mcp.example.com", 403],
    ["mcp.example.com.evil.example", 403],
    ["mcp.example.com, evil.example", 403],
  ];
  for (const [host, status] of cases) {
    assertEquals((await ask(server, "POST", { host })).status, status, host);
  }
  await server.stop();
  const told = server.stderr.filter((line) => line.includes("403 as"));
  assertEquals(told.length, cases.filter(([, status]) => status === 403).length);
  const [line = ""] = told.filter((line) => line.includes("evil.mcp"));
  assertMatch(line, /: info: 403 as .* Host: "evil\.mcp\.example\.com" \(see --allowed-host\)$/);
});

Deno.test("a request with a whole URL: is answered if its host and the Host both may be", async () => {
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

Deno.test("--host: is answered to however it is spelled, and a loopback name needs no tokens", async () => {
  for (const host of ["LOCALHOST", "0:0:0:0:0:0:0:1"]) {
    await using server = await start(["--host", host]);
    const { port } = new URL(server.url);
    assertEquals((await ask(server, "POST", { host: `localhost:${port}` })).status, 200, host);
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

Deno.test("--allowed-origin: takes an origin of any scheme, however it is spelled", async () => {
  const cases: [flag: string, origin: string][] = [
    ["chrome-extension://abcdefghijklmnopabcdefghijklmnop", ""],
    ["moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc", ""],
    ["vscode-webview://1ab2c3d4", ""],
    ["tauri://localhost", ""],
    ["capacitor://localhost", ""],
    ["app://.", ""],
    ["app://main:81", ""],
    ["HTTPS://App.Example.com:443", "https://app.example.com"],
    ["http://plain.example", "http://plain.example:80"],
    ["https://münchen.example:8443", "https://xn--mnchen-3ya.example:8443"],
    ["http://[0:0:0:0:0:0:0:1]:6274", "http://[::1]:6274"],
  ];
  await using server = await start(cases.flatMap(([flag]) => ["--allowed-origin", flag]));
  for (const [flag, spelled] of cases) {
    const origin = spelled || flag;
    const { status, headers } = await ask(server, "POST", { origin });
    assertEquals([status, headers.get("access-control-allow-origin")], [200, origin]);
  }
  const strangers = [
    "chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba",
    "chrome-extension://",
    "vscode-webview://1ab2c3d4.evil.example",
    "tauri://localhost:1",
    "http://localhost",
    "https://plain.example",
    "http://app.example.com:443",
    "null",
    "*",
  ];
  for (const origin of strangers) {
    const { status, headers } = await ask(server, "POST", { origin });
    assertEquals([status, headers.get("access-control-allow-origin")], [403, null], origin);
  }
});

Deno.test("--allowed-origin: a preflight allows the headers that it asks for, if they are any", async () => {
  const origin = "https://app.example.com";
  await using server = await start(["--allowed-origin", origin]);
  const allowed = async (asked: string, target?: string) => {
    const all = {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": asked,
    };
    const { status, headers } = await ask(server, "OPTIONS", all, target);
    assertEquals(status, 204);
    assertMatch(headers.get("vary") ?? "", /access-control-request-headers.*\borigin\b/i);
    return headers.get("access-control-allow-headers")?.split(", ") ?? [];
  };
  const asked = ["mcp-method", "mcp-name", "traceparent", "x-api-key", "authorization"];
  for (const target of ["/mcp", "/elsewhere"]) {
    const names = await allowed(asked.join(","), target);
    for (const name of [...asked, "content-type"]) assertEquals(names.includes(name), true, name);
    assertEquals(new Set(names).size, names.length);
  }
  assertEquals((await allowed(" X-Custom ,, x-other")).slice(-2), ["x-custom", "x-other"]);
  const usual = await allowed("accept");
  for (const odd of ["x y", "x\u00e9", "x:y", '"x"', "x".repeat(5000), "x,".repeat(65)]) {
    const names = await allowed(odd);
    assertEquals(names.every((name) => usual.includes(name) || name === "x"), true, odd);
    assertEquals(names.join().length < 5000, true);
  }
  const network = {
    origin,
    "access-control-request-method": "POST",
    "access-control-request-private-network": "true",
  };
  const { headers } = await ask(server, "OPTIONS", network);
  assertEquals(headers.get("access-control-allow-private-network"), "true");
});

for (const stateful of [false, true]) {
  const flags = stateful ? ["--stateful"] : [];
  Deno.test(`--allowed-origin ${flags}: a page can read answers of every status`, async () => {
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
