/** Servers whose URLs differ by the query alone: none gets another's session. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { BridgeHost } from "../../support/bridge/host.ts";
import { KEY, openJar } from "../../support/client/client_jar_fixture.ts";
import { User } from "../../support/client/client_sessions.ts";
import { Gateway } from "../../fixtures/gateway.ts";
import { tempFolder } from "../../support/store/stores.ts";
import { startServer } from "../../support/servers/server.ts";
import { bearer, writeTokens } from "../../support/servers/tokens.ts";

const BEHIND = { "?server=a": "notebook", "?server=b&key=s3cret": "hashcheck" } as const;
const [A, B] = ["?server=a", "?server=b&key=s3cret"];

Deno.test("sessions: servers that differ by the query have sessions of their own", async () => {
  await using user = await User.create();
  await using gateway = await Gateway.start(BEHIND);
  const [a, b] = [["--url", gateway.url + A], ["--url", gateway.url + B]];
  const append = ["call", "notebook_append", '{"text":"x"}', ...a];
  const store = ["call", "hashcheck_store", '{"key":"k","text":"t"}', ...b];
  await user.does("create", ...a);
  await user.does("create", ...b);
  assertEquals(await user.does(...append), "Note 1 is written.\n");
  await user.does(...store);
  assertEquals(await user.does(...append), "Note 2 is written.\n");
  assertMatch(
    await user.does("call", "hashcheck_verify", '{"key":"k","text":"t"}', ...b),
    /^MATCH/,
  );
  await user.does("list", ...b);
  await user.does("resume", ...b);

  const { cookies } = await user.json("jar", "list");
  const [ofA, ofB] = cookies.map(({ cookie }: { cookie: { id: string } }) => cookie.id);
  for (const { query, body } of gateway.received) {
    assert(!body.includes(query === A ? ofB : ofA), `the other server's id went to ${query}`);
  }
  assert(!(await Deno.readTextFile(user.jar)).includes("s3cret"));
  const listed = await user.does("jar", "list");
  assertEquals(
    listed.match(new RegExp(`  ${gateway.url} \\(query [0-9a-f]{16}\\)\n`, "g"))?.length,
    2,
  );

  // A command for one, by URL or by key, leaves the other alone.
  await user.does("delete", ...b);
  assertEquals((await user.json("jar", "list")).cookies.length, 1);
  await user.does("jar", "use", cookies[1].server, ofB);
  assertEquals(
    (await user.json("jar", "list")).cookies.map((entry: typeof cookies[0]) => entry.server),
    [
      cookies[0].server,
      cookies[1].server,
    ],
  );
  await user.does("jar", "clear", gateway.url + B);
  await user.does("jar", "clear", gateway.url);
  assertEquals((await user.json("jar", "list")).cookies.length, 1);
  assertEquals(await user.does(...append), "Note 3 is written.\n");
});

Deno.test("bridge: servers that differ by the query have sessions of their own", async () => {
  await using folder = await tempFolder();
  await using gateway = await Gateway.start(BEHIND);
  for (const count of [1, 2]) {
    await using a = await BridgeHost.connect(folder, ["--session", "s", "--url", gateway.url + A]);
    const { content } = await a.tool("notebook_append", { text: "x" });
    assertEquals(content.map(({ text }) => text), [`Note ${count} is written.`]);
    await using b = await BridgeHost.connect(folder, ["--session", "s", "--url", gateway.url + B]);
    await b.tool("hashcheck_store", { key: `${count}`, text: "t" });
    const { structuredContent } = await b.tool("hashcheck_list");
    assertEquals(Object.keys(structuredContent.entries ?? {}).length, count);
    assertEquals([a.stderr, b.stderr], [[], []]);
  }
});

Deno.test("sessions: warns that a cookie filed without a query goes to no URL with one", async () => {
  await using user = await User.create();
  await using gateway = await Gateway.start({ "?": "notebook" });
  const keyed = ["--url", `${gateway.url}?key=s3cret`];
  // As earlier versions filed it.
  const append = ["call", "notebook_append", '{"text":"x"}'];
  await user.does(...append, "--url", gateway.url);
  const { cookies: [{ cookie: { id } }] } = await user.json("jar", "list");
  const before = gateway.received.length;
  const { code, stdout, stderr } = await user.run(...append, ...keyed);
  assertEquals([code, stdout], [0, "Note 1 is written.\n"]);
  assert(gateway.received.slice(before).every(({ body }) => !body.includes(id)));
  assertEquals(stderr.match(/\n/g)?.length, 1, stderr);
  assert(stderr.includes(`${gateway.url} without its query`) && stderr.includes("jar use"), stderr);
  assert(!stderr.includes("s3cret") && !stderr.includes(id), stderr);
  // This URL has its own session now, and the other one still has its.
  assertEquals(await user.does(...append, ...keyed), "Note 2 is written.\n");
  assertEquals(await user.does(...append, "--url", `${gateway.url}?`), "Note 2 is written.\n");
  await user.does("jar", "use", `${keyed[1]}`, id);
  assertEquals(await user.does(...append, ...keyed), "Note 3 is written.\n");
});

Deno.test("sessions: a session that another user's token cannot reach stays in that profile", async () => {
  await using user = await User.create();
  const tokens = `${user.folder}/tokens`;
  await writeTokens(tokens, { "token-a": "alice", "token-b": "bob" });
  const flags = ["--tokens", tokens];
  await using server = await startServer({ server: "notebook", transport: "http", flags });
  const as = (name: string, token: string) => [
    "--url",
    server.url,
    "--profile",
    name,
    "--header",
    `Authorization: ${bearer(token).authorization}`,
  ];
  const [alice, bob] = [as("alice", "token-a"), as("bob", "token-b")];
  await user.does("call", "notebook_append", '{"text":"x"}', ...alice);
  const { cookies: [{ cookie: { id } }] } = await user.json("jar", "list");
  assertMatch(await user.fails(1, "resume", id, ...bob), /lists no session .* another user's/);
  assertMatch(await user.fails(1, "delete", id, ...bob), /no session .* another user's/);
  assertEquals(await user.does("call", "notebook_read", ...alice), "1. x\n");
  // An ended session leaves every profile.
  await user.does("jar", "use", server.url, id, "--profile", "copy");
  await user.does("delete", id, ...alice);
  assertEquals(await user.does("jar", "list"), "There are no cookies\n");
});

Deno.test("FileJar: warns once of a cookie that is filed without the query", async () => {
  await using folder = await tempFolder();
  const warnings: string[] = [];
  await using jar = await openJar(`${folder.path}/cookies.jsonl`, warnings);
  await jar.set(KEY, { id: "a" });
  assertEquals(await jar.get({ ...KEY, profile: "other", server: `${KEY.server}?x` }), undefined);
  assertEquals(warnings, []);
  for (const query of ["?x", "?x", "?y"]) {
    assertEquals(await jar.get({ ...KEY, server: KEY.server + query }), undefined);
  }
  assertEquals(warnings.length, 2, warnings.join("\n"));
  assertEquals(await jar.get(KEY), { id: "a" });
});
