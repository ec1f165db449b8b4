import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { decide, ToolPolicies } from "../../../servers/base/session/policy.ts";
import { presenting, type Reply, startServer, TRANSPORTS } from "../../support/servers/server.ts";
import { record } from "../../support/store/stores.ts";

const dead = { id: "sess-" + "0".repeat(32) };

/** Cookies that lead to no session, and why. */
const badCookies: [cookie: unknown, reason: "missing" | "malformed" | "unknown"][] = [
  [undefined, "missing"],
  [null, "missing"],
  [7, "malformed"],
  [{ id: "x".repeat(100_000) }, "malformed"],
  [{ id: "__proto__" }, "unknown"],
  [{ ...dead, expiry: "2999-01-01T00:00:00.000Z", data: { title: "forged" } }, "unknown"],
];

Deno.test("decide: a call without a live session is refused, gets a lazy one, or has none", () => {
  const lookups = [
    { kind: "missing" },
    { kind: "malformed" },
    { kind: "unknown", via: "cookie" },
  ] as const;
  for (const lookup of lookups) {
    assertEquals(decide("required", lookup), { kind: "refused", reason: lookup.kind });
    assertEquals(decide("auto", lookup), { kind: "lazy" });
    assertEquals(decide("optional", lookup), { kind: "none" });
  }
});

Deno.test("decide: a session that is found counts under every policy, and a dead handle under none", () => {
  const live = { kind: "live", via: "handle", record: record("sess-1") } as const;
  const binding = { alias: "name:a", via: "name", title: "a", reason: "host/name" } as const;
  for (const policy of ["required", "auto", "optional"] as const) {
    assertEquals(decide(policy, live), live);
    assertEquals(decide(policy, { kind: "bound", binding }), { kind: "bound", binding });
    const refused = { kind: "refused", reason: "unknown" } as const;
    assertEquals(decide(policy, { kind: "unknown", via: "handle" }), refused);
  }
});

Deno.test("ToolPolicies: each tool has its own policy, or that of the server", () => {
  const policies = new ToolPolicies("required", { a: "auto" });
  assertEquals(policies.of("a"), "auto");
  for (const tool of ["b", "toString", 7]) assertEquals(policies.of(tool), "required");
});

function assertRequired(reply: Reply, reason: string, about: string) {
  assertEquals(reply.error?.code, -32002, about);
  assertEquals(reply.error?.data, { reason }, about);
  assertMatch(reply.error?.message ?? "", /^Session required\. /, about);
  assertEquals(reply.result, undefined);
  if (reply.status !== undefined) assertEquals(reply.status, 200);
}

for (const transport of TRANSPORTS) {
  Deno.test(`required over ${transport}: a call without a live session is -32002, and does not run`, async () => {
    const flags = ["--handles", "never"];
    await using server = await startServer({ server: "notebook", transport, flags });
    const owner = await server.create();
    for (const [cookie, reason] of badCookies) {
      const reply = await server.tool("notebook_append", { text: "unasked" }, cookie);
      assertRequired(reply, reason, JSON.stringify(cookie)?.slice(0, 80) ?? "absent");
    }
    const { structuredContent } = await server.toolResult("notebook_read", {}, owner);
    assertEquals(structuredContent.notes, []);
    const status = await server.toolResult("notebook_status", {}, owner);
    const expected = { session_id: owner.id, note_count: 0, tool_calls: 2 };
    assertEquals(status.structuredContent, expected);
  });

  Deno.test(`required over ${transport}: only a tools/call needs a session`, async () => {
    await using server = await startServer({ server: "session_required", transport });
    await server.initialize();
    for (const method of ["ping", "tools/list", "session/list"]) {
      assert((await server.request(method)).result, method);
      for (const cookie of [dead, 7, null]) {
        assert((await server.request(method, presenting(cookie))).result, method);
      }
    }
  });

  Deno.test(`a cookie over ${transport}: only its id is believed`, async () => {
    await using server = await startServer({ server: "session_required", transport });
    const cookie = await server.create({ hints: { label: "true title" } });
    const forged = {
      id: cookie.id,
      expiry: "1999-01-01T00:00:00.000Z",
      data: { title: "forged", reason: "forged", admin: "yes" },
      owner: "me",
      tool_calls: 999,
    };
    const result = await server.toolResult("whoami", {}, forged);
    const { id: session_id, data } = cookie;
    assertEquals(result.structuredContent, { session_id, tool_calls: 1, data });
    assertEquals(result._meta?.["mcp/session"], cookie);
  });

  Deno.test(`a result over ${transport}: carries the cookie, even if the tool fails`, async () => {
    await using server = await startServer({ server: "session_required", transport });
    const cookie = await server.create();
    const calls: [tool: string, args: unknown, isError: true | undefined][] = [
      ["echo", { text: "hello" }, undefined],
      ["echo", {}, true],
      ["no_such_tool", {}, true],
    ];
    for (const [tool, args, isError] of calls) {
      const result = await server.toolResult(tool, args, cookie);
      assertEquals([result.isError, result._meta?.["mcp/session"]], [isError, cookie], tool);
      const text = JSON.stringify(result.content).toLowerCase();
      assert(!text.includes("session required") && !text.includes("send session/create"));
    }
  });

  Deno.test(`a call over ${transport}: cannot run as a task`, async () => {
    await using server = await startServer({ server: "session_required", transport });
    const cookie = await server.create();
    const params = { name: "echo", arguments: { text: "x" }, task: { ttl: 1000 } };
    const { error } = await server.request("tools/call", { ...params, ...presenting(cookie) });
    assertEquals(error?.code, -32601);
  });

  Deno.test(`tool_calls over ${transport}: concurrent calls have a number each`, async () => {
    await using server = await startServer({ server: "session_required", transport });
    const cookie = await server.create();
    const expected = Array.from({ length: 50 }, (_, index) => index + 1);
    const results = await Promise.all(expected.map(() => server.toolResult("whoami", {}, cookie)));
    const numbers = results.map(({ structuredContent }) => Number(structuredContent.tool_calls));
    assertEquals(numbers.toSorted((a, b) => a - b), expected);
  });

  Deno.test(`auto over ${transport}: a call without a live session gets a lazy one`, async () => {
    await using server = await startServer({ server: "session", transport });
    const seen = new Set<string>();
    for (const [cookie] of badCookies) {
      const before = Date.now();
      const result = await server.toolResult("session_probe", {}, cookie);
      const made = result._meta?.["mcp/session"];
      assert(made, "the new session's cookie comes back");
      assertMatch(made.id, /^sess-[0-9a-f]{32}$/);
      assertEquals(made.data.title, "lazy-tool-session");
      assertEquals(made.data.reason, "lazy/tools/call");
      const lifetime = Date.parse(made.expiry) - before;
      assert(lifetime >= 30 * 60_000 && lifetime < 31 * 60_000, "30 minutes");
      assertEquals(result.structuredContent.calls, 1);
      seen.add(made.id);
      const again = await server.toolResult("session_probe", {}, made);
      assertEquals(again.structuredContent.calls, 2);
      assertEquals(again._meta?.["mcp/session"], made);
    }
    assertEquals(seen.size, badCookies.length);
    assert(!seen.has(dead.id), "an id that a client made up is never adopted");
  });

  Deno.test(`auto over ${transport}: a lazy session that no tool uses is never stored`, async () => {
    await using server = await startServer({ server: "session", transport });
    for (const [tool, args] of [["no_such_tool", {}], ["session_probe", { action: "nonsense" }]]) {
      const result = await server.toolResult(String(tool), args);
      assertEquals(result.isError, true);
      assertEquals(result._meta?.["mcp/session"], undefined);
      const told = await server.toolResult(String(tool), args, dead);
      assertEquals(told._meta?.["mcp/session"], null, "the presented one is gone");
    }
    if (transport === "stdio") {
      assertEquals((await server.result("session/list")).sessions, []);
    }
  });

  Deno.test(`a session over ${transport}: its id is dead once it is revoked, replaced or deleted`, async () => {
    await using server = await startServer({ server: "session", transport });
    const ends: [string, (cookie: unknown) => Promise<unknown>][] = [
      ["revoke", (cookie) => server.tool("session_probe", { action: "revoke" }, cookie)],
      ["new", (cookie) => server.tool("session_probe", { action: "new" }, cookie)],
      ["delete", (cookie) => server.request("session/delete", presenting(cookie))],
    ];
    for (const [name, end] of ends) {
      const cookie = await server.create();
      await end(cookie);
      const { result } = await server.request("session/delete", { id: cookie.id });
      assertEquals(result?.deleted, false, name);
      const next = await server.toolResult("session_probe", {}, cookie);
      assert(next._meta?.["mcp/session"]?.id !== cookie.id, name);
    }
  });

  Deno.test(`--ttl over ${transport}: sets the lifetime in the cookie`, async () => {
    const flags = ["--ttl", "90s"];
    await using server = await startServer({ server: "session_required", transport, flags });
    const before = Date.now();
    const { expiry } = await server.create();
    const lifetime = Date.parse(expiry) - before;
    assert(lifetime >= 90_000 && lifetime < 120_000);
    assertStringIncludes(expiry, "T");
  });
}
