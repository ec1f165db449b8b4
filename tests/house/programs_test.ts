/** The programs in the pages, run as they stand there. */

import { assert, assertEquals } from "@std/assert";
import {
  type Authenticator,
  httpHandler,
  McpServer,
  sessionLayer,
  StatelessHttpTransport,
} from "../../servers/base/mod.ts";
import { MemoryStore } from "../../store/mod.ts";
import { startServer } from "../support/servers/server.ts";
import { outsideProject, programIn } from "./outside_project.ts";
import { blockWith, ROOT } from "./pages.ts";
import { environment } from "./starting.ts";

for (
  const [page, text] of [
    ["README.md", "new StdioServerTransport()"],
    ["docs/library.md", "Counts calls"],
  ] as const
) {
  Deno.test(`${page}: its server runs as it stands there, and keeps a session after kill -9, from any folder`, async () => {
    await using project = await outsideProject({ "counter.ts": blockWith(page, text) });
    const options = {
      ...programIn(project, "counter.ts"),
      transport: "stdio" as const,
      store: "",
    };
    const first = await startServer(options);
    await first.initialize();
    const cookie = await first.create();
    const one = await first.toolResult("count", {}, cookie);
    assertEquals(one.content[0]?.text, "Call 1 of this session");
    await first.stop("SIGKILL");
    // A host starts it where the host itself was started.
    await using second = await startServer({ ...options, cwd: ROOT });
    const two = await second.toolResult("count", {}, cookie);
    assertEquals(two.content[0]?.text, "Call 2 of this session");
  });
}

Deno.test("docs/library.md: its program tells how to start it, from where it was started", async () => {
  await using project = await outsideProject({
    "counter.ts": blockWith("docs/library.md", "Counts calls"),
  });
  const usage = async (cwd: string) => {
    const args = ["run", "-A", `${project.path}/counter.ts`, "--help"];
    const { stdout } = await new Deno.Command(Deno.execPath(), { args, cwd }).output();
    return /^Usage: (.*)$/m.exec(new TextDecoder().decode(stdout))?.[1];
  };
  assertEquals(await usage(project.path), "deno run -A counter.ts [flags]");
  assertEquals(await usage(ROOT), `deno run -A ${project.path}/counter.ts [flags]`);
});

/** What a line says on stdout that is run in a project. */
async function said(line: string, { path }: { readonly path: string }): Promise<string> {
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", line.replace("../mcp-sessions", ROOT)],
    cwd: path,
    env: environment(path),
  }).output();
  return new TextDecoder().decode(stdout);
}

Deno.test("README: its line that tries the server goes on in one session", async () => {
  await using project = await outsideProject({
    "counter.ts": blockWith("README.md", "new StdioServerTransport()"),
  });
  const readme = await Deno.readTextFile(`${ROOT}/README.md`);
  const line = /`(deno run .*\/sessions\.ts call count -- .*)`/.exec(readme)?.[1] ?? "";
  for (const calls of [1, 2]) {
    assertEquals(await said(line, project), `Call ${calls} of this session\n`);
  }
});

Deno.test("docs/library.md: its lines that try the program over HTTP go on in one session", async () => {
  await using project = await outsideProject({
    "counter.ts": blockWith("docs/library.md", "Counts calls"),
  });
  const [start, line = ""] = blockWith("docs/library.md", "sessions.ts call").trim().split("\n");
  assertEquals(start, "deno run -A counter.ts --transport streamable-http");
  await using server = await startServer({
    ...programIn(project, "counter.ts"),
    transport: "http",
    store: "",
  });
  for (const calls of [1, 2]) {
    const there = line.replace("http://127.0.0.1:8765/mcp", server.url);
    assertEquals(await said(there, project), `Call ${calls} of this session\n`);
  }
});

Deno.test("README: its server has under ten lines of code", () => {
  const code = blockWith("README.md", "new StdioServerTransport()");
  assert(code.split("\n").filter((line) => line.trim() !== "").length < 10);
});

Deno.test("docs/hosts.md: its plain client goes on in the session whose handle it kept", async () => {
  const code = blockWith("docs/hosts.md", "export async function append(");
  await using server = await startServer({ server: "notebook", transport: "http" });
  const script = await Deno.makeTempFile({ suffix: ".ts" });
  const config = `${ROOT}/deno.json`;
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

Deno.test("docs/library.md: a user's sessions outlive the registration of a client, where it says so", async () => {
  const code = blockWith("docs/library.md", "byUserAlone");
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
