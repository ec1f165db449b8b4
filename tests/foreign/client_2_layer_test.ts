/**
 * The session layer under client and transport of the SDK's second generation, whose errors have another
 * shape.
 */

import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { lines } from "../support/lines.ts";
import { startServer } from "../support/servers/server.ts";
import { tempFolder } from "../support/temp_folder.ts";

const SCRIPT = fileURLToPath(new URL("./client_2_layer.ts", import.meta.url));

Deno.test("withSession: a client of the second generation outlives the restart of a stateful server", async () => {
  await using folder = await tempFolder();
  const start = (port: number) =>
    startServer({
      server: "hashcheck",
      transport: "http",
      store: `file:${folder.path}/sessions.jsonl`,
      flags: ["--stateful"],
      permissions: ["-A"],
      port,
    });
  const first = await start(0);
  await using client = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-lock",
      SCRIPT,
      "npm:@modelcontextprotocol/client@2.4.0",
      first.url,
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const said = lines(client.stdout);
  assertEquals((await said.next()).value, "stored");
  await first.stop("SIGKILL");
  await using _ = await start(Number(new URL(first.url).port));
  const stdin = client.stdin.getWriter();
  await stdin.write(new TextEncoder().encode("\n"));
  await stdin.close();
  assertEquals(JSON.parse((await said.next()).value ?? "null"), {
    match: true,
    told: ["created", "reconnected"],
    hasNewTransport: true,
  });
  assertEquals((await client.status).code, 0);
});
