/** The example messages of PROTOCOL.md, sent to real servers in their order. */

import { assert, assertEquals } from "@std/assert";
import { type Server, SERVERS, startServer } from "../support/servers/server.ts";
import { tempFolder } from "../support/store/stores.ts";
import { readPage } from "./pages.ts";

const ID = /sess-[0-9a-f]{32}/g;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g;

Deno.test("PROTOCOL: a real server answers every example as it stands there, but for ids and times", async () => {
  await using folder = await tempFolder();
  await using servers = new AsyncDisposableStack();
  const connect = async (name: string, transport: "stdio" | "http"): Promise<Server> => {
    const server = SERVERS.find((server) => server === name);
    assert(server, `there is no server ${name}`);
    const store = `file:${folder.path}/sessions.jsonl`;
    return servers.use(await startServer({ server, transport, store }));
  };
  /** The ids of the server's sessions, by those that stand in their place in the page. */
  const ids = new Map<string, string>();
  const real = (text: string) => text.replaceAll(ID, (id) => ids.get(id) ?? id);

  let server = await connect("notebook", "stdio");
  const blocks = readPage("PROTOCOL.md").blocks.filter(({ kind }) => kind === "json");
  assert(blocks.length > 30);
  for (let n = 0; n < blocks.length; n++) {
    const { text, remark = "" } = blocks[n]!;
    const [, overHttp, name] = /^connects (over HTTP )?to servers\/(\w+)\.ts$/.exec(remark) ?? [];
    if (name !== undefined) server = await connect(name, overHttp ? "http" : "stdio");
    const { id, method, params } = JSON.parse(real(text));
    assert(method, `not a request, and not behind one:\n${text}`);
    if (id === undefined) {
      await server.notify(method, params);
      continue;
    }
    const { status: _, ...reply } = await server.send(JSON.stringify(JSON.parse(real(text))), id);
    const expected = blocks[++n]?.text ?? "";
    const given = JSON.stringify(reply).match(ID) ?? [];
    // An id in the page stands for the session that it first names.
    for (const [n, id] of [...new Set(expected.match(ID))].entries()) {
      if (!ids.has(id)) ids.set(id, [...new Set(given)][n] ?? id);
    }
    assertEquals(
      JSON.parse(JSON.stringify(reply).replaceAll(TIME, "TIME")),
      JSON.parse(real(expected).replaceAll(TIME, "TIME")),
    );
  }
});
