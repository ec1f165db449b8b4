/** Programs that start servers which ignore their end: each is killed after a while. */

import { assertEquals } from "@std/assert";
import { BRIDGE } from "../../support/bridge/host.ts";
import { isRunning, Pair, until } from "../../support/client/stubborn_server.ts";

const SESSIONS = new URL("../../../client/sessions.ts", import.meta.url).href;
/** Stop signals and their exit statuses. */
const SIGNALS = [["SIGHUP", 129], ["SIGINT", 130], ["SIGTERM", 143]] as const;
const ignore = Deno.build.os === "windows";

for (const [signal, status] of SIGNALS) {
  const name = `sessions: ${signal} ends a server that ignores the signal and never answers`;
  Deno.test({ name, ignore }, async () => {
    await using pair = await Pair.start([SESSIONS, "list"], "nothing");
    await pair.pid();
    pair.program.process.kill(signal);
    assertEquals(await pair.ended(), status);
    assertEquals(await pair.program.stderr, "");
  });

  Deno.test(
    { name: `bridge: ${signal} ends a server that ignores the signal`, ignore },
    async () => {
      await using pair = await Pair.start([BRIDGE], "result");
      await pair.initialize();
      await pair.program.next();
      pair.program.process.kill(signal);
      assertEquals(await pair.ended(), 0);
    },
  );
}

for (const answer of ["error", "result"]) {
  Deno.test(`sessions: a command that fails ends its server (${answer})`, async () => {
    await using pair = await Pair.start([SESSIONS, "list"], answer);
    assertEquals(await pair.ended(), 1);
  });
}

Deno.test("bridge: the end of the input ends a server that ignores it", async () => {
  await using pair = await Pair.start([BRIDGE], "result");
  await pair.initialize();
  await pair.program.next();
  await pair.pid();
  assertEquals(await pair.program.endInput(), 0);
  await pair.ended();
});

Deno.test("bridge: a host that stops reading ends the server", async () => {
  await using pair = await Pair.start([BRIDGE], "result");
  await pair.program.stopReading();
  await pair.initialize();
  await pair.ended();
});

Deno.test({
  name:
    "bridge: a signal after the end of the input ends a server before the host kills the bridge",
  ignore,
  async fn() {
    await using pair = await Pair.start([BRIDGE], "result");
    await pair.initialize();
    await pair.program.next();
    // The bridge would wait for the answer.
    await pair.program.send({ id: 2, method: "tools/call", params: { name: "x" } });
    const pid = await pair.pid();
    const ended = pair.program.endInput();
    // The SDK's transport asks with SIGTERM after two seconds and kills after two more.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    pair.program.process.kill("SIGTERM");
    await until(() => !isRunning(pid));
    await ended;
  },
});
