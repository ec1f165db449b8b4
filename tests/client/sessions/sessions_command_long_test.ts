/** The sessions command over many runs: jars, headers and foreign servers. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { resolve } from "node:path";
import { User } from "../../support/client/client_sessions.ts";
import { startServer } from "../../support/servers/server.ts";
import { bearer, writeTokens } from "../../support/servers/tokens.ts";
import { overStdio, shortIn } from "../../support/client/command_line.ts";

Deno.test("sessions: jar list aligns its columns by display width", async () => {
  await using user = await User.create();
  await using server = await startServer({ server: "notebook", transport: "http" });
  // 2 columns for a CJK character or an emoji, none for a combining mark.
  const titles = ["Einkauf", "買い物の一覧", "👍🏽 done", "re\u0301sume\u0301"];
  for (const title of titles) {
    await user.does("create", "--title", title, "--profile", title, "--url", server.url);
  }
  const [head = "", ...rows] = (await user.does("jar", "list")).split("\n");
  assertMatch(head, /^ID {13}PROFILE {7}EXPIRES {19}TITLE {9}SERVER$/);
  assertEquals(rows.map((row) => row.split(/(?<=Z {2})|(?=http)/)[1]), [
    "Einkauf       ",
    "買い物の一覧  ",
    "👍🏽 done       ",
    "re\u0301sume\u0301        ",
    undefined,
  ]);
});

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

Deno.test("sessions: the jar is in the state folder, or where --jar says", async () => {
  await using user = await User.create();
  const url = "https://example.com/mcp";
  await user.does("jar", "use", url, "reference-id");
  assertMatch(await user.fails(1, "jar", "use", "example.com", "x"), /example.com is no server/);
  const named = await user.task("jar", "list", "--full", "--jar", user.jar);
  assertEquals(named.code, 0, named.stderr);
  assert(named.stdout.includes("reference-id"), named.stdout);
  if (Deno.build.os !== "windows") {
    assertEquals((await Deno.stat(user.jar)).mode! & 0o777, 0o600);
    // A file that was copied from elsewhere.
    await Deno.chmod(user.jar, 0o644);
    await user.does("jar", "list");
    assertEquals((await Deno.stat(user.jar)).mode! & 0o777, 0o600);
  }
  const other = `${user.folder}/new/jar.jsonl`;
  await user.does("jar", "use", url, "a", "--jar", other, "--profile", "p");
  assertEquals((await user.json("jar", "list", "--jar", other)).cookies, [
    { server: url, profile: "p", cookie: { id: "a" } },
  ]);
  await Deno.writeTextFile(other, "broken\n");
  const { code, stdout, stderr } = await user.run("jar", "list", "--jar", other);
  assertEquals([code, stdout], [0, "There are no cookies\n"]);
  assertMatch(stderr, /^sessions: The cookie jar .* is damaged or not a jar.*\.broken-1, .*\n$/);
  assertMatch(
    await user.fails(1, "jar", "list", "--jar", `${other}/jar.jsonl`),
    /^sessions: Cannot make the folder /,
  );
});

Deno.test("sessions: --header goes with every request, and list shows its user's sessions", async () => {
  await using user = await User.create();
  const tokens = `${user.folder}/tokens`;
  await writeTokens(tokens, { "s3cret": "alice" });
  await using server = await startServer({
    server: "notebook",
    transport: "http",
    flags: ["--tokens", tokens],
  });
  const anyone = ["--url", server.url];
  const alice = [...anyone, "--header", `Authorization: ${bearer("s3cret").authorization}`];
  assertMatch(await user.fails(1, "list", ...anyone), /Unauthorized/);
  const first = shortIn(await user.does("create", ...alice));
  await user.does("call", "notebook_append", '{"text":"x"}', ...alice);
  const second = shortIn(await user.does("create", ...alice));
  const list = await user.does("list", ...alice);
  assert(list.includes(`\n   ${first}  `) && list.includes(`\n*  ${second}  `), list);
  assertMatch(await user.fails(1, "resume", "sess-", ...alice), /2 sessions begin with sess-/);
  assertEquals(shortIn(await user.does("resume", first, ...alice)), first);
  assertEquals(await user.does("call", "notebook_read", ...alice), "1. x\n");
  assert(!(await Deno.readTextFile(user.jar)).includes("s3cret"));
});
