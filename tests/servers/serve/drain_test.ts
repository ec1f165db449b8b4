/** A server between the signal to stop and the stop: `--drain`. */

import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { POLICIES } from "../../support/servers/bound_calls.ts";
import { startServer } from "../../support/servers/server.ts";
import { until } from "../../support/until.ts";

const ignore = Deno.build.os === "windows";

/** The status and text of a health check, on a connection of its own. */
async function health(url: string, path: string): Promise<string> {
  const headers = { connection: "close" };
  const response = await fetch(new URL(path, url), { headers });
  return `${response.status} ${await response.text()}`;
}

for (const flags of [[], ["--stateful"]]) {
  Deno.test({
    name: `--drain ${flags}: not ready from the signal on, and still serving, until a second one`,
    ignore,
    async fn() {
      const server = await startServer({
        server: "notebook",
        transport: "http",
        flags: ["--drain", "1h", ...flags],
      });
      assertEquals(await health(server.url, "/readyz"), "200 ok");
      server.process.kill("SIGTERM");
      await until(() => health(server.url, "/readyz"), (said) => said === "503 stopping");
      assertEquals(await health(server.url, "/livez"), "200 ok");
      if (flags.length === 0) {
        const cookie = await server.create();
        await server.toolResult("notebook_append", { text: "late" }, cookie);
      } else {
        await server.initialize().catch(() => {});
      }
      assertEquals(await server.stop("SIGTERM"), 143);
    },
  });
}

Deno.test({
  name: "SIGTERM without --drain: from then on, nobody is told that the server is ready",
  ignore,
  async fn() {
    const server = await startServer({ server: POLICIES, transport: "http" });
    const call = server.toolResult("wait", { text: "500" });
    await server.toolResult("held");
    assertEquals(await health(server.url, "/readyz"), "200 ok");
    server.process.kill("SIGTERM");
    const readiness = () => health(server.url, "/readyz").catch(() => "refused");
    const after = await until(readiness, (said) => said !== "200 ok");
    assertMatch(after, /^(refused|503 stopping)$/);
    assertNotEquals(await readiness(), "200 ok");
    assertEquals((await call).structuredContent.outcome, "waited");
    assertEquals(await server.ended(), 0);
  },
});

Deno.test({
  name: "--drain: when its time is over, a pending call gets its response and the server ends",
  ignore,
  async fn() {
    const flags = ["--drain", "1s"];
    const server = await startServer({ server: POLICIES, transport: "http", flags });
    const cookie = await server.create();
    const call = server.toolResult("hold", { text: "kept" }, cookie);
    await server.toolResult("held");
    server.process.kill("SIGINT");
    await until(() => health(server.url, "/readyz"), (said) => said === "503 stopping");
    // A call that begins while it drains is served like any other.
    await server.toolResult("release");
    assertEquals((await call).structuredContent.outcome, "written");
    assertEquals(await server.ended(), 0);
  },
});
