/** The lines of requests in a server's log, as text and as JSON. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { opened, post, request, type Server, startServer } from "../../support/servers/server.ts";
import { bearer, tokensFile } from "../../support/servers/tokens.ts";
import { modernHeaders, modernRequest } from "../../support/servers/modern_wire.ts";

const ID = `sess-${"0123456789abcdef".repeat(2)}`;
const ODD = `\u202e\u001b[2J\n x=1 outcome=ok "${ID}${"x".repeat(1000)}`;

const KEY = "[0-9a-f]{16}";
const NUMBER = "\\d+(\\.\\d+)?";

function start(transport: "stdio" | "http", ...flags: string[]): Promise<Server> {
  return startServer({ server: "notebook", transport, flags });
}

/** The lines of requests. */
const requestsOf = ({ stderr }: Server) => stderr.filter((line) => line.includes(": request "));

for (const transport of ["stdio", "http"] as const) {
  Deno.test(`--log-level info over ${transport}: a line for each request, also for the same one again`, async () => {
    await using server = await start(transport, "--log-level", "info");
    const cookie = await server.create();
    for (let time = 0; time < 3; time++) await server.toolResult("notebook_read", {}, cookie);
    await server.request("made/up");
    await server.stop();
    const read = new RegExp(
      "^notebook: info: request method=tools/call target=notebook_read outcome=ok " +
        `ms=${NUMBER} session=(${KEY}) via=cookie era=legacy transport=${transport} id=\\d+` +
        `${transport === "http" ? " address=127\\.0\\.0\\.1" : ""}$`,
    );
    const [created, ...rest] = requestsOf(server);
    const unknown = rest.pop();
    assertMatch(created ?? "", /^notebook: info: request method=session\/create outcome=ok ms=/);
    assertMatch(unknown ?? "", / method=made\/up outcome=error code=-32601 ms=/);
    const keys = rest.map((line) => read.exec(line)?.[2]);
    assert(keys[0] !== undefined, rest.join("\n"));
    assertEquals(keys, Array(3).fill(keys[0]));
    assertEquals(server.stderr.join().includes(cookie.id), false);
  });
}

Deno.test("--log-level warn: no line for a request", async () => {
  await using server = await start("stdio");
  await server.create();
  await server.stop();
  assertEquals(server.stderr, []);
});

for (const format of ["text", "json"] as const) {
  Deno.test(`--log-format ${format}: what a caller sends stays in its field, redacted and bounded`, async () => {
    const flags = ["--log-level", "info", "--log-format", format];
    await using server = await startServer({ server: "notebook", transport: "http", flags });
    const params = { name: ODD, uri: ODD, _meta: { [ODD]: ODD } };
    for (const method of [ODD, "tools/call", "prompts/get"]) {
      await (await post(server.url, request(method, params, ODD))).text();
      await (await post(server.url, modernRequest(method, params, ODD), modernHeaders("x"))).text();
    }
    await server.stop();
    assert(server.stderr.some((line) => line.includes("request")));
    for (const line of server.stderr) {
      assertEquals(line.includes(ID), false, line);
      assertEquals(/[\p{Cc}\p{Cf}\p{Cs}]/u.exec(line), null, line);
      assert(line.length < 800, line);
      if (format === "text" && line.includes(": request ")) {
        // Outside quotes, each field stands once.
        const bare = line.replaceAll(/"(\\.|[^"\\])*("|$)/g, "…");
        assertEquals(bare.match(/ outcome=\w+/g)?.length, 1, line);
        assertEquals(bare.includes(" x=1"), false, line);
      }
    }
  });
}

Deno.test("--log-level info: no name that a caller makes up cuts off what its line tells of it", async () => {
  const flags = ["--log-level", "info"];
  await using server = await startServer({ server: "notebook", transport: "http", flags });
  const longest = '"'.repeat(100);
  await (await post(server.url, request(longest, { name: longest }, longest))).text();
  await server.stop();
  const [line] = requestsOf(server);
  assertMatch(line ?? "", / outcome=error code=-32601 .* address=127\.0\.0\.1$/);
});

for (const transport of ["stdio", "http"] as const) {
  Deno.test(`--log-format json over ${transport}: each line is an object with time, level, server and message`, async () => {
    const flags = ["--log-level", "info", "--log-format", "json", "--store", "memory:"];
    await using server = await start(transport, ...flags);
    const cookie = await server.create();
    await server.toolResult("notebook_read", {}, cookie);
    await server.stop();
    const all = server.stderr.map((line) => JSON.parse(line));
    for (const { time, level, server: name, message } of all) {
      assertEquals(new Date(time).toISOString(), time);
      assertEquals([level, name, typeof message], ["info", "notebook", "string"]);
    }
    const messages = all.map(({ message }) => message);
    const read = all.at(-2);
    const { time: _, ms, session, id, ...fields } = read;
    assertMatch(session, new RegExp(`^${KEY}$`));
    assert(typeof ms === "number" && typeof id === "number");
    assertEquals(fields, {
      level: "info",
      server: "notebook",
      message: "request",
      method: "tools/call",
      target: "notebook_read",
      outcome: "ok",
      via: "cookie",
      era: "legacy",
      transport,
      owner: null,
      ...(transport === "http" && { address: "127.0.0.1" }),
    });
    const first = transport === "stdio" ? ["sessions are kept in memory:"] : [];
    assertEquals(messages, [...first, "request", "request", "stopped"]);
  });
}

Deno.test("--log-format json: a server that listens, and one that cannot start, say so as JSON too", async () => {
  const flags = ["--log-format", "json"];
  await using server = await startServer({ server: "notebook", transport: "http", flags });
  const port = Number(/:(\d+)\//.exec(server.url)?.[1]);
  const failed = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "servers/notebook.ts", "--store", "memory:", ...flags],
      ...["--transport", "streamable-http", "--port", `${port}`],
    ],
    stdin: "null",
  }).output();
  const { level, server: name, message } = JSON.parse(new TextDecoder().decode(failed.stderr));
  assertEquals([failed.code, level, name], [1, "error", "notebook"]);
  assertMatch(message, /^Cannot listen on 127\.0\.0\.1/);
});

for (const flags of [[], ["--stateful"]]) {
  Deno.test(`--log-level info over ${["http", ...flags].join(" ")}: names the principal of a token, never the token`, async () => {
    await using tokens = await tokensFile({ secret: "alice" });
    const all = [...flags, ...tokens.flags, "--log-level", "info", "--log-format", "json"];
    await using server = await startServer({ server: "notebook", transport: "http", flags: all });
    const headers = await opened(server.url, bearer("secret"));
    await (await post(server.url, request("session/list", {}, "x"), headers)).text();
    await server.stop();
    const events = server.stderr.map((line) => JSON.parse(line));
    const owners = events.filter(({ message }) => message === "request").map(({ owner }) => owner);
    assertEquals(owners, Array(2).fill('["tokens","alice","alice"]'));
    assertEquals(server.stderr.join().includes("secret"), false);
  });
}
