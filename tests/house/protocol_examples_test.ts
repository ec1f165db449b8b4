/** The example messages of PROTOCOL.md, sent to real servers in their order. */

import { assert, assertEquals } from "@std/assert";
import { type Server, startServer } from "../support/servers/server.ts";
import { tempFolder } from "../support/store/stores.ts";
import { readPage } from "./pages.ts";

/** What a server makes by chance: the ids of sessions, and the states of calls that ask. */
const ID = /sess-[0-9a-f]{32}|v1\.[\w-]+\.[\w-]+/g;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g;

Deno.test("PROTOCOL: a real server answers every example as it stands there, but for ids and times", async () => {
  await using folder = await tempFolder();
  await using servers = new AsyncDisposableStack();
  const connect = async (path: string, transport: "stdio" | "http"): Promise<Server> => {
    const server = new URL(`../../${path}`, import.meta.url);
    const store = `file:${folder.path}/sessions.jsonl`;
    return servers.use(await startServer({ server, transport, store }));
  };
  /** What the server makes by chance, by that which stands in its place in the page. */
  const ids = new Map<string, string>();
  const real = (text: string) => text.replaceAll(ID, (id) => ids.get(id) ?? id);

  let server = await connect("servers/notebook.ts", "stdio");
  const blocks = readPage("PROTOCOL.md").blocks.filter(({ kind }) => kind === "json");
  assert(blocks.length > 30);
  for (let n = 0; n < blocks.length; n++) {
    const { text, remark = "" } = blocks[n]!;
    const [, overHttp, path] = /^connects (over HTTP )?to ([\w/]+\.ts)$/.exec(remark) ?? [];
    if (path !== undefined) server = await connect(path, overHttp ? "http" : "stdio");
    const { id, method, params } = JSON.parse(real(text));
    assert(method, `not a request, and not behind one:\n${text}`);
    if (id === undefined) {
      await server.notify(method, params);
      continue;
    }
    const { status: _, ...reply } = await server.send(JSON.stringify(JSON.parse(real(text))), id);
    const expected = blocks[++n]?.text ?? "";
    const given = JSON.stringify(reply).match(ID) ?? [];
    // An id in the page stands for what it first names.
    for (const [n, id] of [...new Set(expected.match(ID))].entries()) {
      if (!ids.has(id)) ids.set(id, [...new Set(given)][n] ?? id);
    }
    assertEquals(
      JSON.parse(JSON.stringify(reply).replaceAll(TIME, "TIME")),
      JSON.parse(real(expected).replaceAll(TIME, "TIME")),
    );
  }
});
