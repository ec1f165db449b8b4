import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { presenting, startServer, TRANSPORTS } from "../../support/servers/server.ts";

for (const transport of TRANSPORTS) {
  const start = () => startServer({ server: "session_required", transport });

  Deno.test(`initialize over ${transport}: announces the capability beside the SDK's own`, async () => {
    await using server = await start();
    const { capabilities, serverInfo } = await server.initialize();
    assertEquals(capabilities.experimental, {
      session: { version: 2, features: ["create", "list", "delete"] },
    });
    assertEquals(serverInfo.name, "session-required");
    assert("tools" in capabilities);
  });

  Deno.test(`session/create over ${transport}: makes a session and gives its cookie twice`, async () => {
    await using server = await start();
    const before = Date.now();
    const result = await server.result("session/create");
    assertEquals(Object.keys(result).sort(), ["_meta", "data", "expiry", "id"]);
    assertMatch(result.id, /^sess-[0-9a-f]{32}$/);
    assertEquals(Object.keys(result.data).sort(), ["createdAt", "reason", "title"]);
    assertEquals(result.data.title, "experimental-session");
    assertEquals(result.data.reason, "session/create");
    assertMatch(result.expiry, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const week = 7 * 24 * 60 * 60 * 1000;
    const expiry = Date.parse(result.expiry);
    assert(expiry >= before + week && expiry <= Date.now() + week);
    const { _meta, ...cookie } = result;
    assertEquals<unknown>(_meta, { "mcp/session": cookie });
  });

  Deno.test(`session/create over ${transport}: takes its title and data from the hints`, async () => {
    await using server = await start();
    const hints = JSON.parse(
      `{"label": "l", "data": {"title": " t ", "k": "v", "__proto__": "p", "reason": "forged"}}`,
    );
    const { data } = await server.create({ hints });
    const { createdAt, ...others } = data;
    const expected = { ["__proto__"]: "p", k: "v", reason: "session/create", title: "t" };
    assertEquals(Object.entries(others).sort(), Object.entries(expected));
    assert(createdAt?.startsWith("20"));
  });

  Deno.test(`session/* over ${transport}: refuses wrong params, naming the field`, async () => {
    await using server = await start();
    const cases: [method: string, params: unknown, named: string][] = [
      ["session/create", [], "params"],
      ["session/create", "x", "params"],
      ["session/create", { hints: { data: { k: 1 } } }, 'params.hints.data["k"]'],
      ["session/create", { _meta: 5 }, "params._meta"],
      ["session/list", { cursor: 7 }, "params.cursor"],
      ["session/list", { cursor: {} }, "params.cursor"],
      ["session/list", { cursor: "made up" }, "params.cursor"],
      ["session/delete", { id: 7 }, "params.id"],
    ];
    for (const [method, params, named] of cases) {
      const { error } = await server.request(method, params);
      assertEquals(error?.code, -32602, JSON.stringify(params));
      assertStringIncludes(error?.message ?? "", named);
    }
  });

  Deno.test(`session/create over ${transport}: with a live cookie makes a further session`, async () => {
    await using server = await start();
    const first = await server.create();
    const second = await server.create(presenting(first));
    assert(first.id !== second.id);
    for (const { id } of [first, second]) {
      const { structuredContent } = await server.toolResult("whoami", {}, { id });
      assertEquals(structuredContent.session_id, id);
    }
  });

  Deno.test(`session/delete over ${transport}: ends the presented session or a named one`, async () => {
    await using server = await start();
    const [a, b, c] = [await server.create(), await server.create(), await server.create()];
    const cases: [params: unknown, expected: unknown][] = [
      // By name, with no cookie presented: no _meta.
      [{ id: a.id }, { deleted: true }],
      [{ id: a.id }, { deleted: false }],
      [undefined, { deleted: false }],
      [{ id: "" }, { deleted: false }],
      // A session other than the presented one, which lives on.
      [{ id: b.id, ...presenting({ id: c.id }) }, { deleted: true, _meta: { "mcp/session": c } }],
      // The presented one, named or not.
      [presenting({ id: c.id }), { deleted: true, _meta: { "mcp/session": null } }],
      [presenting({ id: c.id }), { deleted: false, _meta: { "mcp/session": null } }],
      [{ id: null, ...presenting({ no: 1 }) }, { deleted: false, _meta: { "mcp/session": null } }],
      [presenting(null), { deleted: false }],
    ];
    for (const [params, expected] of cases) {
      const result: unknown = await server.result("session/delete", params);
      assertEquals(result, expected, JSON.stringify(params));
    }
    for (const { id } of [a, b, c]) {
      const { error } = await server.tool("echo", { text: "x" }, { id });
      assertEquals(error?.data, { reason: "unknown" });
    }
  });
}

Deno.test("session/list over stdio: lists the sessions without owner, oldest first, by pages", async () => {
  await using server = await startServer({ server: "session_required", transport: "stdio" });
  assertEquals<unknown>(await server.result("session/list"), { sessions: [] });
  const create = (_: unknown, index: number) => server.create({ hints: { label: `${index}` } });
  const made = await Promise.all(Array.from({ length: 1001 }, create));
  const first = await server.result("session/list", { cursor: null });
  assertEquals(first.sessions.length, 1000);
  assertEquals(first.sessions.slice(0, 3), made.slice(0, 3));
  const second = await server.result("session/list", { cursor: first.nextCursor });
  assertEquals<unknown>(second, { sessions: made.slice(1000) });
});

Deno.test("session/list over HTTP: lists to an anonymous caller only the session that it presents", async () => {
  await using server = await startServer({ server: "session_required", transport: "http" });
  const mine = await server.create();
  await server.create();
  assertEquals<unknown>(await server.result("session/list"), { sessions: [] });
  for (const [id, sessions] of [[mine.id, [mine]], ["sess-" + "0".repeat(32), []]] as const) {
    const result: unknown = await server.result("session/list", presenting({ id }));
    assertEquals(result, { sessions });
  }
});
