/** The sessions command, as people and programs use it. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { overStdio, shortIn, User } from "../../support/client/client_sessions.ts";
import { startServer } from "../../support/servers/server.ts";
import { bearer, writeTokens } from "../../support/servers/tokens.ts";

Deno.test("sessions: shows whole ids only on request", async () => {
  await using user = await User.create();
  await using server = await startServer({ server: "session", transport: "http" });
  const url = ["--url", server.url];
  shortIn(await user.does("call", "session_probe", ...url));
  const { structuredContent } = await user.json("call", "session_probe", ...url);
  const { id } = structuredContent.session;
  assertMatch(id, /^sess-[0-9a-f]{32}$/);
  assert((await user.does("call", "session_probe", "--full", ...url)).includes(`id=${id} `));
  assert((await user.does("jar", "list", "--full")).startsWith("ID "));
  assert((await user.does("jar", "list", "--full")).includes(`\n${id}  default  `));
  assertEquals(shortIn(await user.does("jar", "list")), id.slice(0, 13));
  const { cookies } = await user.json("jar", "list");
  assertEquals(cookies[0].cookie.id, id);
  await user.does("delete", ...url);
  shortIn(await user.fails(1, "resume", id, ...url));
  await user.does("jar", "use", server.url, id);
  shortIn(await user.fails(1, "delete", ...url));
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
  assertEquals(await user.does("jar", "clear"), "Took out 1 cookie\n");
  assertEquals(await user.does("jar", "list"), "There are no cookies\n");
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

Deno.test("sessions: call tells of a lost session, and goes on in a new one", async () => {
  await using user = await User.create();
  await using server = await startServer({ server: "notebook", transport: "http" });
  const dead = `sess-${"0".repeat(32)}`;
  await user.does("jar", "use", server.url, dead);
  const call = ["call", "notebook_append", '{"text":"x"}', "--url", server.url];
  const { code, stdout, stderr } = await user.run(...call);
  assertEquals([code, stdout], [0, "Note 1 is written.\n"]);
  assertEquals(
    stderr,
    "sessions: The session sess-00000000 is gone, and its state with it, or another user's (who needs " +
      "a --profile of their own): a new one was begun\n",
  );
  assertEquals(await user.does(...call), "Note 2 is written.\n");
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
  assertMatch(await user.fails(1, "list", ...anyone), /give one by --header 'Authorization: /);
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

/** A foreign server: with an `id` of its own form, or without sessions. */
function foreign(id: string | undefined, title = "\r\nNo line", nextCursor?: string) {
  const results: Record<string, unknown> = {
    initialize: {
      protocolVersion: "2025-06-18",
      serverInfo: { name: "foreign", version: "1" },
      capabilities: { experimental: id ? { session: { features: ["create", "list"] } } : {} },
    },
    "session/create": { id, data: { title: `new${title}` } },
    "session/list": { sessions: [{ id, data: { title: `\x1b[31m${id}${title}` } }], nextCursor },
    "tools/call": {
      content: [{ type: "text", text: `in ${id}\x07 after sess-${"0".repeat(32)}` }, {
        type: "image",
        data: "",
        mimeType: "image/png",
      }, { type: "hologram" }],
    },
  };
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    if (request.method !== "POST") return new Response(null, { status: 405 });
    const message = await request.json();
    if (message.id === undefined) return new Response(null, { status: 202 });
    if (message.params?.name === "busy") return new Response("Slow down", { status: 429 });
    const result = results[message.method];
    return Response.json({ jsonrpc: "2.0", id: message.id, result });
  });
}

Deno.test("sessions: redacts a foreign server's ids, and prints its texts as text alone", async () => {
  await using user = await User.create();
  const id = "9d1c7b60-aaaa-4bbb-8ccc-0123456789ab";
  await using server = foreign(id);
  const url = ["--url", `http://127.0.0.1:${server.addr.port}/`];
  const created = await user.does("create", ...url);
  const list = await user.does("list", ...url);
  const said = await user.does("call", "any", ...url);
  for (const text of [created, list, said, await user.does("jar", "list")]) {
    assert(text.includes(id.slice(0, 13)) && !text.includes(id.slice(0, 14)), text);
    assert(!text.includes("\x1b") && !text.includes("\x07") && !text.includes("\r"));
  }
  assertEquals([created.split("\n").length, list.split("\n").length], [2, 3]);
  assertMatch(said, / after sess-0{8}\n\[image\]\n\[hologram\]\n$/);
  assertEquals((await user.json("resume", id.slice(0, 4), ...url)).cookie.id, id);
  assertMatch(await user.fails(1, "delete", ...url), /does not offer to delete sessions/);
});

Deno.test("sessions: short ids leave everything else readable", async () => {
  await using user = await User.create();
  await using server = foreign("1");
  const url = ["--url", `http://127.0.0.1:${server.addr.port}/`];
  assertMatch(
    await user.does("create", ...url),
    /^Created 1 "new\ufffd\ufffdNo line", expires unknown\n$/,
  );
  assertMatch(await user.does("list", ...url), /\n\* {2}1 {3}unknown/);
  assert((await user.does("jar", "list")).includes(`${url[1]}`));
  assertMatch(await user.does("call", "any", ...url), /^in 1/);
});

Deno.test("sessions: says how much was read of a list without end", async () => {
  await using user = await User.create();
  await using server = foreign("1", "", "more");
  const { code, stderr } = await user.run("list", "--url", `http://127.0.0.1:${server.addr.port}/`);
  assertEquals(code, 0);
  assertMatch(stderr, /^sessions: The server's list does not end: only its first 100 pages /);
});

Deno.test("sessions: --json has nothing that a terminal would act on", async () => {
  await using user = await User.create();
  const acting = "\u202e\u009b31m\u200f\u061c\u2028\u{e0041}\ud83d";
  await using server = foreign("9d1c7b60-aaaa-4bbb-8ccc-0123456789ab", acting);
  const stdout = await user.does(
    "list",
    "--json",
    "--url",
    `http://127.0.0.1:${server.addr.port}/`,
  );
  assert(!/[\p{Cf}\u0080-\u009f\u2028]/u.test(stdout));
  assert(JSON.parse(stdout).sessions[0].data.title.endsWith(acting));
});

Deno.test("sessions: a failure is one line on stderr, without secrets", async () => {
  await using user = await User.create();
  await using without = foreign(undefined);
  const url = `http://127.0.0.1:${without.addr.port}/`;
  for (const command of ["create", "list"]) {
    assertMatch(await user.fails(1, command, "--url", url), /does not offer to .* sessions/);
  }
  assertMatch(await user.fails(1, "call", "busy", "--url", url), /Slow down$/);
  await without.shutdown();
  const secret = url.replace("http://", "http://me:s3cret@") + "?key=s3cret";
  const unreachable = await user.fails(1, "list", "--url", secret, "--header", "X: s3cret");
  assert(unreachable.startsWith(`sessions: Cannot connect to ${url}: `), unreachable);
  assert(!unreachable.includes("s3cret"), unreachable);
  assertMatch(await user.fails(1, "list", "--", "no-such-command"), /no-such-command/);
  const ended = await user.run("list", "--", Deno.execPath(), "eval", "console.error('no tokens')");
  assertMatch(
    ended.stderr,
    /^no tokens\n[^]*sessions: Cannot connect to .*: it ended before it answered: see what it wrote/,
  );
  if (Deno.build.os !== "windows") {
    // It has ended before it is written to.
    assertMatch(await user.fails(1, "list", "--", "true"), /to true: it ended before it answered/);
  }
  const session = overStdio("session", "memory:");
  assertMatch(await user.fails(1, "resume", ...session), /name one, or create one/);
  assertMatch(await user.fails(1, "call", "nothing", ...session), /Unknown tool: nothing/);
  const failed = await user.run("call", "session_probe", '{"action":"x"}', "--json", ...session);
  assertEquals([failed.code, JSON.parse(failed.stdout).isError], [1, true], failed.stdout);
});

Deno.test("sessions: --help lists commands and flags", async () => {
  await using user = await User.create();
  const help = await user.does("--help");
  for (
    const word of ["create", "resume", "jar clear", "--full", "whole ids", "deno task sessions"]
  ) {
    assert(help.includes(word), word);
  }
});
