/** `Cache-Control: no-store` on every HTTP response: ids and other people's data are in most. */

import { assertEquals } from "@std/assert";
import { POLICIES } from "../../support/servers/bound_calls.ts";
import { postModern } from "../../support/servers/modern_wire.ts";
import { bearer, tokensFile } from "../../support/servers/tokens.ts";
import {
  callRequest,
  HEADERS,
  opened,
  post,
  request,
  startServer,
} from "../../support/servers/server.ts";

const ORIGIN = "https://app.example.com";

for (const flags of [[], ["--stateful"]]) {
  Deno.test(`http ${flags}: no response may be kept by a cache`, async () => {
    await using tokens = await tokensFile({ "alice-1": "alice" });
    await using server = await startServer({
      server: POLICIES,
      transport: "http",
      flags: [...tokens.flags, ...flags, "--allowed-origin", ORIGIN],
    });
    const { url } = server;
    const alice = await opened(url, bearer("alice-1"));
    const ask = (method: string, headers: Record<string, string> = {}) =>
      fetch(url, { method, headers: { ...HEADERS, ...alice, ...headers } });
    const isStateful = flags.length > 0;
    const responses: [string, Response, status: number][] = [
      ["result", await post(url, request("ping"), alice), 200],
      ["modern result", await postModern(url, "server/discover", {}, bearer("alice-1")), 200],
      ["progress", await post(url, callRequest("progress"), alice), 200],
      ["notification", await post(url, '{"jsonrpc":"2.0","method":"notifications/x"}', alice), 202],
      ["no JSON", await post(url, "x", alice), 400],
      [
        "no version",
        await post(url, request("ping"), { ...alice, "mcp-protocol-version": "x" }),
        400,
      ],
      ["no token", await post(url, request("ping")), 401],
      [
        "no such origin",
        await post(url, request("ping"), { ...alice, origin: "https://x.y" }),
        403,
      ],
      ["no such path", await post(`${url}x`, request("ping"), alice), 404],
      ["stream", await ask("GET"), isStateful ? 200 : 405],
      ["not acceptable", await ask("POST", { accept: "text/html" }), 406],
      ["to a page", await post(url, request("ping"), { ...alice, origin: ORIGIN }), 200],
      [
        "preflight",
        await ask("OPTIONS", { origin: ORIGIN, "access-control-request-method": "POST" }),
        204,
      ],
    ];
    for (const [name, { status, headers, body }, expected] of responses) {
      const caching = headers.get("cache-control") ?? "";
      assertEquals([status, /^no-store\b/.test(caching)], [expected, true], `${name}: ${caching}`);
      await body?.cancel();
    }
  });
}
