/** Who may call over HTTP, and whose sessions they reach (section 6 of the contract). */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { join } from "node:path";
import {
  type HttpServer,
  INITIALIZE,
  messagesOf,
  post,
  presenting,
  type Reply,
  startServer,
  type WireCookie,
} from "../../support/servers/server.ts";
import { bearer, tokenLine, writeTokens } from "../../support/servers/tokens.ts";

const TOKENS = { "alice-1": "alice", "alice-2": "alice", "bob-1": "bob" };

/** What came back to a caller. */
interface Answer extends Omit<Reply, "id" | "jsonrpc"> {
  readonly status: number;
  readonly headers: Headers;
}

/** A caller with a token, or without one. */
function caller(url: string, token: string | undefined, headers: Record<string, string> = {}) {
  const ask = async (method: string, params: object = {}): Promise<Answer> => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const response = await post(url, body, { ...bearer(token), ...headers });
    const [{ result, error } = {}] = await messagesOf(response);
    return {
      status: response.status,
      headers: response.headers,
      ...(result && { result }),
      ...(error && { error }),
    };
  };
  return {
    ask,
    tool: (name: string, args: object, cookie: unknown) =>
      ask("tools/call", { name, arguments: args, ...presenting(cookie) }),
    create: async (): Promise<WireCookie> => {
      const { result } = await ask("session/create");
      assert(result, `${token} could not make a session`);
      return { id: result.id, expiry: result.expiry, data: result.data };
    },
    list: async () => (await ask("session/list")).result?.sessions.map(({ id }) => id),
  };
}

async function withTokens(
  flags: string[],
  test: (server: HttpServer) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const file = join(folder, "tokens");
    await writeTokens(file, TOKENS);
    const all = ["--tokens", file, ...flags];
    await using server = await startServer({ server: "notebook", transport: "http", flags: all });
    await test(server);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const flags of [[], ["--stateful"]]) {
  Deno.test(`--tokens ${flags}: a caller without a token that counts gets 401 and nothing else`, async () => {
    await withTokens(flags, async ({ url }) => {
      const cases: [authorization: Record<string, string>, challenge: RegExp][] = [
        [{}, /^Bearer$/],
        [{ authorization: "" }, /^Bearer/],
        [{ authorization: "Bearer" }, /^Bearer error="invalid_token"$/],
        [{ authorization: "Basic YWxpY2U6YWxpY2UtMQ==" }, /^Bearer error="invalid_token"$/],
        [bearer("alice"), /^Bearer error="invalid_token"$/],
        [bearer("alice-1x"), /^Bearer error="invalid_token"$/],
        [bearer("alice-1, Bearer bob-1"), /^Bearer error="invalid_token"$/],
        [bearer((await tokenLine("alice-1", "")).trim()), /^Bearer error="invalid_token"$/],
      ];
      for (const [authorization, challenge] of cases) {
        for (const method of ["initialize", "session/create", "tools/list"]) {
          const { status, headers, result, error } = await caller(url, undefined, authorization)
            .ask(method, method === "initialize" ? INITIALIZE : {});
          const which = `${method} ${JSON.stringify(authorization)}`;
          assertEquals([status, result, error?.code], [401, undefined, -32000], which);
          assertMatch(headers.get("www-authenticate") ?? "", challenge, which);
        }
      }
      assertEquals((await caller(url, "alice-1").ask("initialize", INITIALIZE)).status, 200);
    });
  });
}

Deno.test("--tokens: a session is its owner's, with whichever token, and nobody else's", async () => {
  await withTokens(["--allow-anonymous"], async ({ url }) => {
    const [alice, refreshed] = [caller(url, "alice-1"), caller(url, "alice-2")];
    const [bob, nobody] = [caller(url, "bob-1"), caller(url, undefined)];
    const cookie = await alice.create();
    const others = [await bob.create(), await nobody.create()];
    const neverMade = { id: `sess-${"0".repeat(32)}` };
    await alice.tool("notebook_append", { text: "hers" }, cookie);

    const read = await refreshed.tool("notebook_read", {}, cookie);
    assertEquals(read.result?.structuredContent.count, 1);
    assertEquals(await refreshed.list(), [cookie.id]);
    assertEquals(await bob.list(), [others[0]?.id]);
    assertEquals(await nobody.list(), []);

    for (const [other, theirs] of [[bob, others[0]], [nobody, others[1]]] as const) {
      const attempts = (target: { id: string }) => [
        other.tool("notebook_read", {}, target),
        other.tool("notebook_append", { text: "mine now" }, target),
        other.tool("no_such_tool", {}, target),
        other.ask("session/list", presenting(target)),
        other.ask("session/delete", { id: target.id }),
        other.ask("session/delete", presenting(target)),
        other.ask("session/delete", { id: target.id, ...presenting(theirs) }),
        other.ask("resources/list", presenting(target)),
      ];
      const got = await Promise.all(attempts(cookie));
      const never = await Promise.all(attempts(neverMade));
      const said = (answers: Answer[]) => answers.map(({ headers: _, ...rest }) => rest);
      assertEquals(said(got), said(never));
      assertEquals(got[0]?.error?.code, -32002);
    }
    // Nobody's sessions are out of reach for a principal, too.
    const { error } = await alice.tool("notebook_read", {}, others[1]);
    assertEquals(error?.data, { reason: "unknown" });

    const after = await alice.tool("notebook_read", {}, cookie);
    assertEquals(after.result?.structuredContent.count, 1);
  });
});

Deno.test("--allow-anonymous: a token that is wrong does not become nobody", async () => {
  await withTokens(["--allow-anonymous"], async ({ url }) => {
    assertEquals((await caller(url, undefined).ask("session/create")).status, 200);
    assertEquals((await caller(url, "wrong").ask("session/create")).status, 401);
  });
});

Deno.test("--tokens: nobody cancels a call of another principal's", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const tokens = join(folder, "tokens");
    await writeTokens(tokens, TOKENS);
    const fixture = new URL("../../fixtures/policies.ts", import.meta.url);
    const flags = ["--tokens", tokens];
    await using server = await startServer({ server: fixture, transport: "http", flags });
    const alice = caller(server.url, "alice-1");
    const cookie = await alice.create();
    const held = alice.tool("hold", { text: "kept" }, cookie);
    await alice.tool("held", {}, cookie);
    const cancel = JSON.stringify({
      jsonrpc: "2.0",
      method: "notifications/cancelled",
      params: { requestId: 1, ...presenting(cookie) },
    });
    const taken = await post(server.url, cancel, bearer("bob-1"));
    assertEquals([taken.status, await taken.text()], [202, ""]);
    await alice.tool("release", {}, cookie);
    assertEquals((await held).result?.structuredContent.outcome, "written");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("--stateful: a transport session is its owner's, and not found for anybody else", async () => {
  await withTokens(["--stateful"], async ({ url }) => {
    const { status, headers } = await caller(url, "alice-1").ask("initialize", INITIALIZE);
    const id = headers.get("mcp-session-id") ?? "";
    assertEquals([status, id.length > 0], [200, true]);
    for (const method of ["POST", "GET", "DELETE"]) {
      const answers = await Promise.all([id, crypto.randomUUID()].map(async (id) => {
        const response = await fetch(url, {
          method,
          headers: {
            ...bearer("bob-1"),
            accept: "application/json, text/event-stream",
            "content-type": "application/json",
            "mcp-session-id": id,
          },
          ...(method === "POST" && { body: '{"jsonrpc":"2.0","id":1,"method":"ping"}' }),
        });
        return [response.status, await response.text()];
      }));
      assertEquals(answers[0], answers[1], method);
      assertEquals(answers[0]?.[0], 404, method);
    }
    const hers = caller(url, "alice-2", { "mcp-session-id": id });
    assertEquals((await hers.ask("ping")).status, 200);
  });
});

Deno.test("--tokens: a file that is none is refused with what is wrong, and shows nothing of it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "tokens");
    const line = await tokenLine("secret", "alice");
    const cases: [content: string, said: RegExp][] = [
      ["", /has no token/],
      ["# only a remark\n", /has no token/],
      [`${line}\nsecret alice\n`, /line 2 /],
      [line.split(" ")[0] ?? "", /line 1 /],
      [`${line}\n${line.replace("alice", "bob")}\n`, /token twice/],
    ];
    for (const [content, said] of [...cases, [undefined, /Cannot read the tokens in/]] as const) {
      if (content === undefined) await Deno.remove(path);
      else await Deno.writeTextFile(path, content);
      const script = new URL("../../../servers/notebook.ts", import.meta.url);
      const flags = ["--transport", "streamable-http", "--port", "0", "--store", "memory:"];
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", script.href, ...flags, "--tokens", path],
        env: { NO_COLOR: "1" },
      }).output();
      const text = new TextDecoder().decode(stderr);
      assertEquals(code, 1, text);
      assertMatch(text, /^notebook: [^\n]+\n$/);
      assertMatch(text, said);
      assertNotEquals(text.includes("secret"), true, text);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("--host: one that other machines reach takes --tokens or --allow-anonymous", async () => {
  await withTokens(["--host", "0.0.0.0"], async ({ url }) => {
    const { port } = new URL(url);
    const reached = `http://127.0.0.1:${port}/mcp`;
    assertEquals((await caller(reached, undefined).ask("ping")).status, 401);
    assertEquals((await caller(reached, "bob-1").ask("ping")).status, 200);
  });
  const flags = ["--host", "0.0.0.0", "--allow-anonymous"];
  await using server = await startServer({ server: "notebook", transport: "http", flags });
  const { port } = new URL(server.url);
  assertEquals((await caller(`http://127.0.0.1:${port}/mcp`, undefined).ask("ping")).status, 200);
});
