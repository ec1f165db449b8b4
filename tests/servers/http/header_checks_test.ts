/** Checks of the headers of HTTP requests. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  checkHost,
  checkMediaTypes,
  checkOrigin,
} from "../../../servers/base/http/header_checks.ts";
import { opened, post, startServer } from "../../support/servers/server.ts";

const ACCEPT = "application/json, text/event-stream";
const TYPE = "application/json";

const CASES: readonly [headers: Record<string, string>, status: number][] = [
  [{ accept: "*/*" }, 200],
  [{ accept: "text/html, */*;q=0.1" }, 200],
  [{ accept: "application/*, text/*" }, 200],
  [{ accept: "Application/JSON , Text/Event-Stream" }, 200],
  [{ accept: "text/event-stream;q=0.9,application/json; charset=utf-8;q=1.0" }, 200],
  [{ accept: "application/json; text/event-stream" }, 200],
  [{ accept: "*/*;q=0, application/json, text/event-stream" }, 200],
  [{ accept: "application/json" }, 406],
  [{ accept: "text/event-stream" }, 406],
  [{ accept: "application/json, text/event-stream;q=0" }, 406],
  [{ accept: "*/*, text/event-stream; q=0.000" }, 406],
  [{ accept: "application/*;q=0, */*" }, 406],
  [{ accept: "application/jsonx, text/event-streams" }, 406],
  [{ accept: "text/html" }, 406],
  [{ accept: "" }, 406],
  [{ "content-type": "APPLICATION/JSON" }, 200],
  [{ "content-type": "application/json;charset=UTF-8" }, 200],
  [{ "content-type": "application/json ; x=y" }, 200],
  [{ "content-type": "application/json-seq" }, 415],
  [{ "content-type": "" }, 415],
];

Deno.test("checkMediaTypes(): reads Accept and Content-Type as HTTP does", () => {
  for (const [headers, status] of CASES) {
    const all = new Headers({ accept: ACCEPT, "content-type": TYPE, ...headers });
    assertEquals(checkMediaTypes(all)?.status ?? 200, status, JSON.stringify(headers));
  }
});

for (const flags of [[], ["--stateful"]]) {
  Deno.test(`checkMediaTypes() over http ${flags}: decides before the body is read`, async () => {
    await using server = await startServer({ server: "notebook", transport: "http", flags });
    const session = await opened(server.url);
    const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
    for (const [headers, status] of CASES) {
      const response = await post(server.url, ping, { ...session, ...headers });
      const text = await response.text();
      assertEquals(response.status, status, `${JSON.stringify(headers)} ${text}`);
    }
  });
}

Deno.test("checkHost(): checks both the Host and the host of the URL", () => {
  const isAllowed = (host: string) => host === "mcp.example.com";
  const cases: [url: string, host: string | undefined, status: number | undefined][] = [
    ["http://mcp.example.com/mcp", "mcp.example.com", undefined],
    ["http://mcp.example.com/mcp", undefined, undefined],
    ["http://evil.example/mcp", "mcp.example.com", 403],
    ["http://mcp.example.com/mcp", "evil.example", 403],
    ["http://evil.example/mcp", undefined, 403],
  ];
  for (const [url, host, status] of cases) {
    const request = new Request(url, { headers: host === undefined ? {} : { host } });
    assertEquals(checkHost(request, isAllowed)?.status, status, `${url} ${host}`);
  }
});

Deno.test("checkHost(), checkOrigin(): log the refused header in few printable characters", () => {
  const logged: string[] = [];
  const log = (reason: string) => void logged.push(reason);
  const value = `a\u0085\u00ad${"x".repeat(10_000)}`;
  const request = new Request("https://mcp.example.com/", { headers: { host: value } });
  for (
    const refusal of [
      checkHost(request, () => false, log),
      checkOrigin(value, () => false, log),
    ]
  ) {
    assertEquals(refusal?.status, 403);
  }
  assertEquals(logged.length, 2);
  for (const reason of logged) {
    assert(reason.length < 400, reason);
    assertMatch(reason, /"a\ufffd\ufffdx+" \(see --allowed-(host|origin)\)$/);
  }
});
