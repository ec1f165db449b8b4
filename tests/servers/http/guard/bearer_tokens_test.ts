/** Bearer tokens, and the sessions that their principals reach (section 6 of the contract). */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "node:path";
import { BearerTokens } from "../../../../servers/base/http/guard/bearer_tokens.ts";
import { tempFolder } from "../../../support/temp_folder.ts";
import { type HttpServer, type ServerName, startServer } from "../../../support/servers/server.ts";
import {
  HEADERS,
  INITIALIZE,
  messagesOf,
  post,
  presenting,
  type Reply,
  request,
  type WireCookie,
} from "../../../support/servers/wire.ts";
import { POLICIES } from "../../../support/servers/bound_calls.ts";
import { bearer, tokenLine, tokensFile } from "../../../support/servers/tokens.ts";

const TOKENS = { "alice-1": "alice", "alice-2": "alice", "bob-1": "bob" };

/** The response to a caller. */
interface Answer extends Omit<Reply, "id" | "jsonrpc"> {
  readonly status: number;
  readonly headers: Headers;
}

/** A caller with a token, or without one. */
function caller(url: string, token: string | undefined, headers: Record<string, string> = {}) {
  const ask = async (method: string, params: object = {}): Promise<Answer> => {
    const response = await post(url, request(method, params), { ...bearer(token), ...headers });
    const [{ result, error } = {}] = await messagesOf(response);
    const { status, headers: given } = response;
    return { status, headers: given, ...(result && { result }), ...(error && { error }) };
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
  name: ServerName | URL = "notebook",
): Promise<void> {
  await using tokens = await tokensFile(TOKENS);
  const all = [...tokens.flags, ...flags];
  await using server = await startServer({ server: name, transport: "http", flags: all });
  await test(server);
}

for (const flags of [[], ["--stateful"]]) {
  Deno.test(`--tokens ${flags}: a caller without a valid token gets 401 and nothing else`, async () => {
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

Deno.test("--tokens: a session belongs to its principal, with any token, and to nobody else", async () => {
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
    // A principal does not reach anonymous sessions either.
    const { error } = await alice.tool("notebook_read", {}, others[1]);
    assertEquals(error?.data, { reason: "unknown" });

    const after = await alice.tool("notebook_read", {}, cookie);
    assertEquals(after.result?.structuredContent.count, 1);
  });
});

Deno.test("--allow-anonymous: a wrong token is not anonymous", async () => {
  await withTokens(["--allow-anonymous"], async ({ url }) => {
    assertEquals((await caller(url, undefined).ask("session/create")).status, 200);
    assertEquals((await caller(url, "wrong").ask("session/create")).status, 401);
  });
});

Deno.test("--tokens: no principal can cancel a call of another one", async () => {
  await withTokens([], async ({ url }) => {
    const alice = caller(url, "alice-1");
    const cookie = await alice.create();
    const held = alice.tool("hold", { text: "kept" }, cookie);
    await alice.tool("held", {}, cookie);
    const cancel = JSON.stringify({
      jsonrpc: "2.0",
      method: "notifications/cancelled",
      params: { requestId: 1, ...presenting(cookie) },
    });
    const taken = await post(url, cancel, bearer("bob-1"));
    assertEquals([taken.status, await taken.text()], [202, ""]);
    await alice.tool("release", {}, cookie);
    assertEquals((await held).result?.structuredContent.outcome, "written");
  }, POLICIES);
});

Deno.test("--stateful: a transport session is not found for another principal", async () => {
  await withTokens(["--stateful"], async ({ url }) => {
    const { status, headers } = await caller(url, "alice-1").ask("initialize", INITIALIZE);
    const id = headers.get("mcp-session-id") ?? "";
    assertEquals([status, id.length > 0], [200, true]);
    for (const method of ["POST", "GET", "DELETE"]) {
      const answers = await Promise.all([id, crypto.randomUUID()].map(async (id) => {
        const response = await fetch(url, {
          method,
          headers: { ...HEADERS, ...bearer("bob-1"), "mcp-session-id": id },
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

Deno.test("BearerTokens.read(): refuses a malformed file with the reason, which shows no token", async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, "tokens");
  const line = await tokenLine("secret", "alice");
  const refused = async (reason: string) => {
    const { message } = await assertRejects(() => BearerTokens.read(path), Error, reason);
    assert(!message.includes("secret"), message);
  };
  await refused("Cannot read the tokens in");
  const cases: [content: string, reason: string][] = [
    ["", "has no token"],
    ["# only a remark\n", "has no token"],
    [`${line}\nsecret alice\n`, "line 2 "],
    [line.split(" ")[0] ?? "", "line 1 "],
    [`${line}\n${line.replace("alice", "bob")}\n`, "token twice"],
  ];
  for (const [content, reason] of cases) {
    await Deno.writeTextFile(path, content);
    await refused(reason);
  }
});

Deno.test("--host: an address that other machines reach takes --tokens or --allow-anonymous", async () => {
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
