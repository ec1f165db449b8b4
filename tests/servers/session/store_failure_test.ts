import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { withFolder } from "../../support/servers/bound_calls.ts";
import {
  presenting,
  type ServerName,
  startServer,
  TRANSPORTS,
} from "../../support/servers/server.ts";

/** A server of each policy that could take a failing store for a lost session. */
const cases: [server: ServerName, tool: string, args: object][] = [
  ["notebook", "notebook_append", { text: "x" }],
  ["notebook", "notebook_read", {}],
  ["session", "session_probe", {}],
  ["session", "session_probe", { action: "revoke" }],
];

for (const transport of TRANSPORTS) {
  for (const [name, tool, args] of cases) {
    Deno.test(`${tool} over ${transport}: a failing store is -32603 and costs no session, given ${JSON.stringify(args)}`, async () => {
      await withFolder(async (folder) => {
        const path = `${folder}/sessions.jsonl`;
        const options = { server: name, transport, store: `file:${path}` } as const;
        await using server = await startServer(options);
        const cookie = await server.create();
        const aside = `${folder}/aside.jsonl`;
        await Deno.rename(path, aside);
        const calls = [
          server.tool(tool, args, cookie),
          server.request("session/create"),
          server.request("session/list", presenting(cookie)),
          server.request("session/delete", { id: cookie.id }),
        ];
        for (const { error, result } of await Promise.all(calls)) {
          assertEquals([error?.code, error?.data], [-32603, { code: "unavailable" }]);
          assertEquals(result, undefined);
          assert(!error?.message.includes(folder), "the message names no path");
        }
        assert((await server.request("tools/list")).result, "what needs no session goes on");
        await Deno.rename(aside, path);

        await using again = await startServer(options);
        const { deleted } = await again.result("session/delete", { id: cookie.id });
        assert(deleted, "the session is still there");
        assertStringIncludes(server.stderr.join("\n"), path);
      });
    });
  }
}
