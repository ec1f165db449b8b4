/** The caller's address: of the connection, or behind proxies that are trusted; and how it gets inside. */

import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  type HttpEndpoint,
  httpHandler,
  McpServer,
  sessionLayer,
  type Transport,
} from "../../../../servers/base/mod.ts";
import { addressOf } from "../../../../servers/base/era/caller.ts";
import { clientAddress } from "../../../../servers/base/http/guard/client_address.ts";
import { startHttpServer } from "../../../../servers/base/http/http_server.ts";
import { readFlags } from "../../../../servers/base/serve/flags.ts";
import { MemoryStore } from "../../../../store/mod.ts";
import { postModern } from "../../../support/servers/modern_wire.ts";
import { RawConnection } from "../../../support/servers/raw_http.ts";
import { opened, request, statusOf } from "../../../support/servers/wire.ts";

/** The caller's address, for a peer's and what stands in `X-Forwarded-For`. */
function found(trusted: string[], peer: string | undefined, forwarded?: string) {
  const headers = new Headers({ forwarded: "for=6.6.6.6" });
  if (forwarded !== undefined) headers.set("x-forwarded-for", forwarded);
  const info = peer === undefined ? { transport: "unix" } : { hostname: peer };
  return clientAddress(trusted)(new Request("http://x/", { headers }), { remoteAddr: info });
}

Deno.test("clientAddress(): is the peer's, whatever a header says, unless a proxy is trusted", () => {
  assertEquals(found([], "10.0.0.1", "1.2.3.4"), "10.0.0.1");
  assertEquals(found(["10.0.0.2"], "10.0.0.1", "1.2.3.4"), "10.0.0.1");
  assertEquals(found([], "::ffff:10.0.0.1"), "10.0.0.1");
  assertEquals(found([], "2001:DB8:0:0::1"), "2001:db8::1");
  assertEquals(found(["10.0.0.0/8"], undefined, "1.2.3.4"), undefined);
  assertEquals(clientAddress([])(new Request("http://x/"), undefined), undefined);
});

const TRUSTED = ["10.0.0.0/8", "fd00::/8", "192.0.2.7"];
const cases: [forwarded: string | undefined, address: string | undefined][] = [
  [undefined, "10.0.0.1"],
  ["1.2.3.4", "1.2.3.4"],
  ["1.2.3.4:5678", "1.2.3.4"],
  ["9.9.9.9, 1.2.3.4", "1.2.3.4"],
  ["9.9.9.9, 1.2.3.4, 10.9.9.9,192.0.2.7 , fd00::1", "1.2.3.4"],
  ["1.2.3.4, ::ffff:10.9.9.9", "1.2.3.4"],
  ["1.2.3.4, [fd00::2]:443", "1.2.3.4"],
  ["2001:DB8:0::1", "2001:db8::1"],
  ["[2001:db8::1]", "2001:db8::1"],
  ["[2001:db8::1]:65535", "2001:db8::1"],
  ["::ffff:1.2.3.4", "1.2.3.4"],
  ["192.0.2.8", "192.0.2.8"],
  // All are trusted: the first of them has asked.
  ["10.1.1.1, 10.2.2.2", "10.1.1.1"],
  // What a trusted proxy could not name, nobody knows; what stands left of it may be anybody's.
  ["", undefined],
  ["unknown", undefined],
  ["1.2.3.4, unknown", undefined],
  ["1.2.3.4,", undefined],
  [",", undefined],
  ["1.2.3.4, _hidden, 10.0.0.3", undefined],
  ["01.2.3.4", undefined],
  ["1.2.3.256", undefined],
  ["1.2.3", undefined],
  ["0x7f000001", undefined],
  ["1.2.3.4:port", undefined],
  ["1.2.3.4 5.6.7.8", undefined],
  ["fe80::1%eth0", undefined],
  ["[::1", undefined],
  ["::1]", undefined],
  ["1:2", undefined],
  [":::", undefined],
  ['"1.2.3.4"', undefined],
  ["for=1.2.3.4", undefined],
  ["http://1.2.3.4/", undefined],
  // Garbage of a caller, in front of what the proxy has written.
  [`${"9.9.9.9,".repeat(10_000)} 1.2.3.4`, "1.2.3.4"],
  [`${"x".repeat(100_000)}, 1.2.3.4`, "1.2.3.4"],
  ["x".repeat(100_000), undefined],
  ["1.2.3.4, " + "10.0.0.9, ".repeat(10_000) + "10.0.0.9", undefined],
];

Deno.test("clientAddress(): behind trusted proxies, is the rightmost in X-Forwarded-For that is none", () => {
  for (const [forwarded, address] of cases) {
    assertEquals(found(TRUSTED, "10.0.0.1", forwarded), address, forwarded?.slice(0, 60));
  }
  assertEquals(found(TRUSTED, "::ffff:10.0.0.1", "1.2.3.4"), "1.2.3.4");
  assertEquals(found(["::1"], "::1", "1.2.3.4"), "1.2.3.4");
  assertEquals(found(["0.0.0.0/0", "::/0"], "10.0.0.1", "9.9.9.9, 1.2.3.4"), "9.9.9.9");
});

Deno.test("httpHandler(): refuses to trust what is no address and no block", () => {
  const endpoint = { fetch: () => Promise.resolve(new Response()) };
  for (const block of ["proxy.example.com", "10.0.0.0/33", "", "[::1]"]) {
    assertThrows(
      () => httpHandler(endpoint, { hosts: [], trustedProxies: [block] }),
      TypeError,
      `it is "${block}"`,
    );
  }
});

/** Connects a server whose layer tells the address of each request that it gets. */
function tapped(addresses: Map<string, string | undefined>) {
  return async (transport: Transport) => {
    const server = new McpServer({ name: "tapped", version: "1" });
    server.registerTool("tool", {}, () => ({ content: [] }));
    const layer = sessionLayer(transport, { store: new MemoryStore(), policy: "optional" });
    await server.connect(layer);
    const { onmessage } = layer;
    layer.onmessage = (message, extra) => {
      if ("id" in message && "method" in message) addresses.set(message.method, addressOf(extra));
      onmessage?.(message, extra);
    };
  };
}

for (const stateful of [[], ["--stateful"]]) {
  for (const host of ["127.0.0.1", "::1", "::"]) {
    Deno.test(`--trusted-proxy ${stateful} on ${host}: both eras know the caller's address`, async () => {
      const addresses = new Map<string, string | undefined>();
      const flags = ["--transport=streamable-http", "--port=0", "--allow-anonymous"];
      flags.push(
        ...stateful,
        `--host=${host}`,
        "--trusted-proxy=127.0.0.0/8",
        "--trusted-proxy=::1",
      );
      const command = readFlags({ name: "tapped", description: "" }, "1", flags);
      if (command.kind !== "serve" || command.http === undefined) throw new Error("no settings");
      const server = await startHttpServer(command.http, {
        connect: tapped(addresses),
        store: new MemoryStore(),
        onerror: (error) => {
          throw error;
        },
        warn: console.warn,
      });
      try {
        // Over IPv4 where both are listened on: its peer is an IPv4 in IPv6.
        const url = server.url.replace("[::]", "127.0.0.1");
        const peer = url.includes("[") ? "::1" : "127.0.0.1";
        const headers = await opened(url);
        const params = { name: "tool", arguments: {} };
        const legacy = async (forwarded: Record<string, string>) => {
          const sent = { ...headers, ...forwarded };
          assertEquals(await statusOf(url, request("tools/call", params), sent), 200);
          return addresses.get("tools/call");
        };
        const modern = async (forwarded: Record<string, string>) => {
          const response = await postModern(url, "tools/call", params, forwarded);
          assertEquals([response.status, (await response.text()).includes("error")], [200, false]);
          return addresses.get("tools/call");
        };
        for (const call of [legacy, modern]) {
          assertEquals(await call({}), peer);
          assertEquals(await call({ "x-forwarded-for": "9.9.9.9, 1.2.3.4" }), "1.2.3.4");
          assertEquals(await call({ "x-forwarded-for": "[2001:db8::5]:443, ::1" }), "2001:db8::5");
          assertEquals(await call({ "x-forwarded-for": "unknown" }), undefined);
        }
      } finally {
        await server.close();
      }
    });
  }
}

Deno.test("httpHandler(): as a handler of Deno.serve, hands its endpoint the caller's address", async () => {
  const addresses: (string | undefined)[] = [];
  const endpoint: HttpEndpoint = {
    fetch(_request, authInfo, address) {
      addresses.push(address);
      return Promise.resolve(new Response(authInfo?.clientId));
    },
  };
  const CALLER = { token: "t", clientId: "app", scopes: [] };
  const options = { hosts: ["localhost"], origins: ["https://app.example.com"] };
  const handlers = [
    httpHandler(endpoint, options),
    httpHandler(endpoint, { ...options, authenticate: () => CALLER }),
  ];
  for (const handler of handlers) {
    const http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handler);
    for (const origin of [{}, { origin: "https://app.example.com" }]) {
      using connection = await RawConnection.open(`http://127.0.0.1:${http.addr.port}/`);
      await connection.post("{}", { host: "localhost", ...origin });
      assertMatch(await connection.response(), /^HTTP\/1\.1 200 /);
    }
    await http.shutdown();
  }
  assertEquals(addresses, Array(4).fill("127.0.0.1"));
});

Deno.test("httpHandler(): as a handler of another server, serves a caller whose address is not known", async () => {
  const addresses: (string | undefined)[] = [];
  const endpoint: HttpEndpoint = {
    fetch(_request, _authInfo, address) {
      addresses.push(address);
      return Promise.resolve(new Response());
    },
  };
  const request = new Request("http://localhost/", { headers: { host: "localhost" } });
  for (const trustedProxies of [[], ["127.0.0.1"]]) {
    const handler = httpHandler(endpoint, { hosts: ["localhost"], trustedProxies });
    // What the listener of `node:http` gives, and Bun, and a router.
    for (const given of [{ incoming: {}, outgoing: {} }, { port: 8765 }, { env: {} }]) {
      assertEquals((await handler(request, given)).status, 200);
    }
  }
  assertEquals(addresses, Array(6).fill(undefined));
});
