/**
 * The store on a real `denokv`. `deno task test:denokv` runs this; `deno task test` needs Deno alone.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { KvProcess, TOKEN } from "../support/kv_connect/process.ts";
import { blockWith } from "../house/pages.ts";
import { CONFORMANCE, runWithToken } from "../support/kv_connect/suite.ts";
import { lines } from "../support/lines.ts";
import { startServer } from "../support/servers/server.ts";
import { tempFolder } from "../support/store/stores.ts";

try {
  await new Deno.Command("denokv", { args: ["--version"] }).output();
} catch (error) {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
  throw new Error(
    "There is no denokv to test with: install protobuf-compiler, run " +
      "`cargo install denokv --locked`, and have the folder that it names in PATH",
  );
}

Deno.test("denokv: passes the conformance kit", async () => {
  await using folder = await tempFolder();
  await using kv = await KvProcess.start(`${folder.path}/kv.sqlite`);
  await runWithToken(CONFORMANCE, { TEST_KV_URL: kv.url });
});

Deno.test("denokv: is unavailable from a kill in mid-call until its restart", async () => {
  await runWithToken(["kv/remote_killed.ts"]);
});

Deno.test("denokv: servers share it, whichever of them is killed", async () => {
  await runWithToken(["kv/servers_test.ts"]);
});

Deno.test("denokv: a server answers -32603 without it, and goes on after its restart", async () => {
  await using folder = await tempFolder();
  const file = `${folder.path}/kv.sqlite`;
  await using kv = await KvProcess.start(file);
  const options = { server: "notebook", transport: "http", store: `kv:${kv.url}` } as const;
  await using server = await startServer({ ...options, env: { DENO_KV_ACCESS_TOKEN: TOKEN } });
  const cookie = await server.create();
  await server.toolResult("notebook_append", { text: "milk" }, cookie);
  await kv.kill();
  const { error } = await server.tool("notebook_append", { text: "bread" }, cookie);
  assertEquals([error?.code, error?.data], [-32603, { code: "unavailable" }]);
  await using _ = await KvProcess.start(file, { port: kv.port });
  const { structuredContent } = await server.toolResult("notebook_read", {}, cookie);
  assertMatch(JSON.stringify(structuredContent), /"text":"milk"/);
});

Deno.test("denokv: a wrong token is one clear line at the server's start", async () => {
  await using folder = await tempFolder();
  await using kv = await KvProcess.start(`${folder.path}/kv.sqlite`);
  const options = { server: "notebook", transport: "stdio", store: `kv:${kv.url}` } as const;
  await using server = await startServer({
    ...options,
    env: { DENO_KV_ACCESS_TOKEN: "not-the-token" },
  });
  assertEquals(await server.ended(), 1);
  assertEquals(server.stderr.length, 1, server.stderr.join("\n"));
  assertMatch(server.stderr[0]!, /Cannot open Deno KV at http:.*401.*DENO_KV_ACCESS_TOKEN/);
});

/** A command of docs/stores.md that goes on until the end of the scope. */
class Running implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #stderr: AsyncGenerator<string>;

  constructor(command: string) {
    this.#process = new Deno.Command("sh", {
      args: ["-c", command],
      cwd: new URL("../../", import.meta.url),
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#stderr = lines(this.#process.stderr);
  }

  async listens() {
    const seen: string[] = [];
    for (;;) {
      const { done, value } = await this.#stderr.next();
      assert(!done, `It did not start: ${seen.join("\n")}`);
      if (/listening on/i.test(value)) return;
      seen.push(value);
    }
  }

  async [Symbol.asyncDispose]() {
    this.#process.kill("SIGKILL");
    for await (const _ of this.#stderr);
    await this.#process.status;
  }
}

/** A port that nobody listens on any more. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

Deno.test("docs/stores.md: two servers and one KV do what it says, as it stands there", async () => {
  await using folder = await tempFolder();
  const blocks = ["denokv --sqlite-path", "post() {"].map((text) =>
    blockWith("docs/stores.md", text)
  );
  const [servers, client] = [4512, 9001, 9002].reduce(
    (texts, port) => {
      const free = `${freePort()}`;
      return texts.map((text) => text.replaceAll(`${port}`, free));
    },
    blocks.map((text) => text.replace("sessions.sqlite", `${folder.path}/sessions.sqlite`)),
  );
  const [token, ...commands] = servers!.split("\n").filter((line) => line !== "");
  assertEquals(commands.length, 3);
  await using open = new AsyncDisposableStack();
  for (const command of commands) {
    await open.use(new Running(`${token}; exec ${command}`)).listens();
  }
  const { stdout } = await new Deno.Command("sh", { args: ["-c", client!] }).output();
  const answers = new TextDecoder().decode(stdout).trim().split("\n");
  assertEquals(answers.length, 3);
  for (const note of ['"text":"milk"', '"text":"bread"', '"count":2']) {
    assertStringIncludes(answers[2]!, note);
  }
});
