/** The sessions command on sessions that outlive their server, or go to another transport. */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { resolve } from "node:path";
import { overStdio, shortIn, User, WHOLE_ID } from "../../support/client/client_sessions.ts";
import { type HttpServer, startServer, TRANSPORTS } from "../../support/servers/server.ts";

for (const transport of TRANSPORTS) {
  Deno.test(`sessions: a run finds the state of the run before (${transport})`, async () => {
    await using user = await User.create();
    await using open = new AsyncDisposableStack();
    const store = `file:${user.folder}/sessions.jsonl`;
    let server: string[] = overStdio("notebook", store);
    let http: HttpServer | undefined;
    if (transport === "http") {
      http = open.use(await startServer({ server: "notebook", transport, store }));
      server = ["--url", http.url];
    }
    const created = await user.does("create", "--title", "Shopping", ...server);
    assertMatch(created, /^Created sess-\S+ "Shopping", expires 20\S+Z\n$/);
    const first = shortIn(created);
    await user.does("call", "notebook_append", '{"text":"milk"}', ...server);
    if (http !== undefined) {
      const port = Number(new URL(http.url).port);
      await http.stop("SIGKILL");
      open.use(await startServer({ server: "notebook", transport: "http", store, port }));
    }
    assertEquals(await user.does("call", "notebook_read", ...server), "1. milk\n");

    const second = shortIn(await user.does("create", ...server));
    assertNotEquals(second, first);
    assertEquals(
      await user.does("call", "notebook_read", "{}", ...server),
      "The notebook is empty.\n",
    );
    const { held, sessions } = await user.json("list", ...server);
    assert(held.startsWith(second));
    assertEquals(sessions.at(-1)?.data.title, "mcp-sessions · notebook");

    // Over HTTP, an anonymous caller is shown only the session that it presents.
    const typed = transport === "stdio" ? first : (await user.json("resume", ...server)).cookie.id;
    assertEquals(shortIn(await user.does("resume", typed, ...server)), typed.slice(0, 13));
    const list = await user.does("list", ...server);
    assert(new RegExp(`^\\*  ${typed.slice(0, 13)}  20\\S+Z  \\S`, "m").test(list), list);
    assert(!WHOLE_ID.test(list));
    if (transport === "stdio") {
      assertEquals(await user.does("call", "notebook_read", ...server), "1. milk\n");
      assertEquals(await user.does("delete", second, ...server), `Deleted ${second}\n`);
      assertMatch(await user.fails(1, "resume", second, ...server), /begins with/);
    }
    shortIn(await user.does("delete", ...server));
    assertMatch(await user.fails(1, "delete", ...server), /The jar has no session of this server/);
    assertEquals(await user.does("jar", "list"), "There are no cookies\n");
  });
}

Deno.test("sessions: jar use files a session under another transport, by its id or beginning", async () => {
  await using user = await User.create();
  const store = `file:${user.folder}/sessions.jsonl`;
  const stdio = overStdio("hashcheck", store);
  await using http = await startServer({ server: "hashcheck", transport: "http", store });
  await user.does("call", "hashcheck_store", '{"key":"k","text":"t"}', ...stdio);
  const { cookies: [filed] } = await user.json("jar", "list");
  // The script is the same from any folder.
  const [deno, run, all, script, ...rest] = stdio.slice(1);
  assertEquals(JSON.parse(filed.server), [deno, run, all, resolve(script ?? ""), ...rest]);
  // A slip must not send one server's session to another.
  const beginning = filed.cookie.id.slice(0, 9);
  assertMatch(await user.fails(1, "jar", "use", http.url, beginning), /type the whole id/);
  const used = await user.does("jar", "use", `${http.url}#s3cret`, filed.cookie.id);
  assertEquals(used, `Filed ${shortIn(used)} under ${http.url}, profile default\n`);
  assertEquals(await user.does("jar", "use", http.url, beginning), used);
  const verified = ["call", "hashcheck_verify", '{"key":"k","text":"t"}', "--url", http.url];
  assertMatch(await user.does(...verified), /^MATCH/);
  assertMatch(await user.does(...verified, "--profile", "other"), /not found/);

  const profiles = async () => {
    const { cookies } = await user.json("jar", "list");
    return cookies.map(({ server, profile }: Record<string, string>) =>
      `${profile} ${server === http.url ? "http" : "stdio"}`
    ).sort();
  };
  assertEquals(await profiles(), ["default http", "default stdio", "other http"]);
  assertEquals(
    await user.does("jar", "clear", http.url, "--profile", "other"),
    "Took out 1 cookie\n",
  );
  assertEquals(await profiles(), ["default http", "default stdio"]);
  // The form of the JSON does not matter.
  await user.does("jar", "clear", JSON.stringify(stdio.slice(1), null, 1));
  assertEquals(await profiles(), ["default http"]);
  await user.does("jar", "clear");
  assertEquals(await profiles(), []);
});
