/** The sessions command in front of servers of either era. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import { SERVER_ERAS } from "../../support/bridge/eras.ts";
import { overStdio, shortIn, User } from "../../support/client/client_sessions.ts";
import { startServer } from "../../support/servers/server.ts";

for (const era of SERVER_ERAS) {
  for (const way of ["stdio", "http"] as const) {
    Deno.test(`sessions: looks after the sessions of a server with --era ${era} over ${way}`, async () => {
      await using user = await User.create();
      await using server = way === "http"
        ? await startServer({ server: "notebook", transport: "http", flags: ["--era", era] })
        : undefined;
      const stdio = [...overStdio("notebook", `file:${user.folder}/notes.jsonl`), "--era", era];
      const args = server === undefined ? stdio : ["--url", server.url];
      const id = shortIn(await user.does("create", "--title", "mine", ...args));
      await user.does("call", "notebook_append", '{"text":"x"}', ...args);
      assertEquals(await user.does("call", "notebook_read", ...args), "1. x\n");
      assert((await user.does("list", ...args)).includes(`${id}  `));
      assertEquals(shortIn(await user.does("resume", ...args)), id);
      await user.does("delete", ...args);
      await user.does("create", ...args);
      const [filed] = (await user.json("jar", "list")).cookies;
      await user.does("jar", "use", filed.server, `sess-${"0".repeat(32)}`);
      const { code, stdout, stderr } = await user.run(
        "call",
        "notebook_append",
        '{"text":"y"}',
        ...args,
      );
      assertEquals([code, stdout], [0, "Note 1 is written.\n"], stderr);
      assertMatch(stderr, /^sessions: The session sess-00000000 is gone, /);
    });
  }
}

Deno.test("sessions: speaks to an old server that ends at a method which it does not know", async () => {
  await using user = await User.create();
  const script = fileURLToPath(new URL("../../fixtures/old_server.ts", import.meta.url));
  const runs = `${user.folder}/runs`;
  const command = ["--", Deno.execPath(), "run", "-A", script, `--runs=${runs}`];
  assertEquals(await user.does("call", "any", ...command, "--ends"), "2\n");
  // One that keeps silent is the same process, asked again after a while.
  assertEquals(await user.does("call", "any", ...command), "3\n");
});
