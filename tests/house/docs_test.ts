/** What README and `docs/` tell people to paste into a host: it starts as it stands there. */

import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { lines } from "../support/lines.ts";
import { INITIALIZE } from "../support/servers/server.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");

/** A block, with the remark above it that says whether it is run. */
interface Block {
  readonly kind: string;
  readonly text: string;
  readonly remark: string | undefined;
}

function blocksIn(page: string): Block[] {
  const blocks = page.matchAll(/(?:<!-- ([^\n]*) -->\n\n)?```(\w*)[^\n]*\n([\s\S]*?)```/g);
  return [...blocks].map(([, remark, kind = "", text = ""]) => ({ kind, text, remark }));
}

async function pageOf(path: string): Promise<Block[]> {
  return blocksIn(await Deno.readTextFile(new URL(`../../${path}`, import.meta.url)));
}

const PAGES = await Array.fromAsync(Deno.readDir(new URL("../../docs", import.meta.url)));
const DOCS = PAGES.map(({ name }) => `docs/${name}`);

for (const path of DOCS) {
  Deno.test(`${path}: says of every block that no test runs why not, and of others which does`, async () => {
    for (const { kind, text, remark } of await pageOf(path)) {
      // `deno test --doc` checks the first, and the test below runs the second.
      if (kind === "ts" || kind === "jsonc") continue;
      const [, test] = /^(?:run by |not run: .+; )(tests\/\S+\.ts)/.exec(remark ?? "") ?? [];
      if (test !== undefined) assert((await Deno.stat(`${ROOT}/${test}`)).isFile);
      else assert(/^not run: .+/.test(remark ?? ""), `nothing says whether this is run:\n${text}`);
    }
  });
}

for (const path of ["README.md", ...DOCS]) {
  Deno.test(`${path}: every server in its JSON for hosts starts as it stands there`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      for (const { text } of (await pageOf(path)).filter(({ kind }) => kind === "jsonc")) {
        for (const [name, { command, args }] of Object.entries(serversIn(text))) {
          assertEquals(command, "deno");
          await using child = new Deno.Command(Deno.execPath(), {
            args: args.map((arg) => arg.replace("/path/to/mcp-sessions", ROOT)),
            cwd: folder,
            env: { XDG_STATE_HOME: folder, MCP_SESSIONS_STORE: "" },
            stdin: "piped",
            stdout: "piped",
            stderr: "inherit",
          }).spawn();
          const writer = child.stdin.getWriter();
          const request = { jsonrpc: "2.0", id: 1, method: "initialize", params: INITIALIZE };
          await writer.write(new TextEncoder().encode(`${JSON.stringify(request)}\n`));
          const said = lines(child.stdout);
          const { value = "null" } = await said.next();
          assertEquals(JSON.parse(value)?.result?.serverInfo.name, name);
          await writer.close();
          await said.return(undefined);
          assertEquals((await child.status).code, 0);
        }
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** What a host reads of its configuration. */
function serversIn(text: string): Record<string, { command: string; args: string[] }> {
  return JSON.parse(text).mcpServers;
}
