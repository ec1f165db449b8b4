import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import {
  type Authenticator,
  httpHandler,
  McpServer,
  sessionLayer,
  StatelessHttpTransport,
} from "../../servers/base/mod.ts";
import { MemoryStore } from "../../store/mod.ts";
import { startServer } from "../support/servers/server.ts";

const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
const hosts = await Deno.readTextFile(new URL("../../docs/hosts.md", import.meta.url));

Deno.test("README: its server runs as it stands there, in under ten lines of code", async () => {
  const code = /```ts ignore\n([\s\S]*?)```/.exec(readme)?.[1];
  assert(code);
  assert(code.split("\n").filter((line) => line.trim() !== "").length < 10);
  const folder = await Deno.makeTempDir();
  try {
    const script = `${folder}/counter.ts`;
    await Deno.writeTextFile(script, code);
    // As in another project beside the checkout, which is what the README's last block is for.
    const block = /```json\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";
    const checkout = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");
    const config = `${folder}/deno.json`;
    await Deno.writeTextFile(config, block.replaceAll("../mcp-sessions", checkout));
    const options = {
      server: new URL(`file://${script}`),
      transport: "stdio" as const,
      store: "",
      config,
      cwd: folder,
      permissions: ["-A"],
    };
    const first = await startServer(options);
    await first.initialize();
    const one = await first.toolResult("count");
    assertEquals(one.content[0]?.text, "Call 1 of this session");
    await first.stop("SIGKILL");
    await using second = await startServer(options);
    const two = await second.toolResult("count", {}, one._meta?.["mcp/session"]);
    assertEquals(two.content[0]?.text, "Call 2 of this session");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("docs/hosts.md: its plain client goes on in the session whose handle it kept", async () => {
  const code = /```ts\n([^`]*session_create[\s\S]*?)```/.exec(hosts)?.[1];
  assert(code);
  await using server = await startServer({ server: "notebook", transport: "http" });
  const script = await Deno.makeTempFile({ suffix: ".ts" });
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  const append = async (...args: string[]) => {
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--config", config, script, server.url, ...args],
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    return JSON.parse(new TextDecoder().decode(stdout));
  };
  try {
    await Deno.writeTextFile(
      script,
      `${code}\nconst [url = "", text = "", handle] = Deno.args;\n` +
        "console.log(JSON.stringify(await append(new URL(url), text, handle)));\n",
    );
    const { session, note_number } = await append("milk");
    assertEquals(note_number, 1);
    assertEquals(await append("bread", session), { session, note_number: 2 });
    assertEquals((await append("else")).note_number, 1);
  } finally {
    await Deno.remove(script);
  }
});

Deno.test("README: a user's sessions outlive the registration of a client, where it says so", async () => {
  const code = /```ts\n([^`]*byUserAlone[\s\S]*?)```/.exec(readme)?.[1];
  assert(code);
  const script = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(script, code);
    const { byUserAlone } = await import(`file://${script}`);
    const byHeaders: Authenticator = ({ headers }) => {
      const [clientId = "", sub] = headers.get("authorization")?.split(" ") ?? [];
      return sub === undefined ? undefined : {
        token: "t",
        clientId,
        scopes: [],
        extra: { iss: "https://id.example.com", sub },
      };
    };
    const listed = async (authenticate: Authenticator) => {
      const transport = new StatelessHttpTransport();
      const server = new McpServer({ name: "example", version: "1.0.0" });
      await server.connect(sessionLayer(transport, { store: new MemoryStore() }));
      const handler = httpHandler(transport, { hosts: ["mcp.example.com"], authenticate });
      const ask = async (authorization: string, method: string) => {
        const headers = {
          authorization,
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
        };
        const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method });
        const init = { method: "POST", headers, body };
        const response = await handler(new Request("https://mcp.example.com/", init));
        return { status: response.status, ...(await response.json()) };
      };
      await ask("registered-first alice", "session/create");
      const again = await ask("registered-again alice", "session/list");
      const other = await ask("registered-first bob", "session/list");
      const nobody = await ask("", "session/list");
      await server.close();
      return [again.result.sessions.length, other.result.sessions.length, nobody.status];
    };
    assertEquals(await listed(byHeaders), [0, 0, 401]);
    assertEquals(await listed(byUserAlone(byHeaders)), [1, 0, 401]);
  } finally {
    await Deno.remove(script);
  }
});

Deno.test("README and docs: every task that they name is there, and every server is in README", async () => {
  const config = JSON.parse(
    await Deno.readTextFile(new URL("../../deno.json", import.meta.url)),
  );
  for (const [, task] of (readme + hosts).matchAll(/deno task ([a-z_:]+)/g)) {
    assert(Object.hasOwn(config.tasks, task ?? ""), `deno.json has no task ${task}`);
  }
  for (const name of ["session", "session_required", "notebook", "hashcheck"]) {
    assertStringIncludes(readme, `deno run -A servers/${name}.ts\n`);
    assertStringIncludes(readme, `deno run -A servers/${name}.ts --transport streamable-http`);
  }
});
