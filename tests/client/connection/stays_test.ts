/**
 * A transport that is told not to give up comes back whenever its server does.
 */

import { assertEquals, assertRejects } from "@std/assert";
import { DeadlineError } from "../../../runtime/deadline.ts";
import { Reconnecting } from "../../../client/connection/reconnecting_transport.ts";
import type { JSONRPCMessage } from "../../../client/sdk.ts";
import { startFixture } from "../../support/client/client_fixture.ts";

for (const givesUp of [true, false]) {
  const name = `Reconnecting: ${givesUp ? "gives up" : "stays"} when its server is away for long`;
  // The SDK's stdio transport leaves the timer running that limits its close().
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false }, async () => {
    await using fixture = await startFixture("stdio");
    let away = false;
    let closed = 0;
    const answers: unknown[] = [];
    let answered = Promise.withResolvers<void>();
    const transport = new Reconnecting(() => {
      if (away) throw new Error("away");
      return fixture.connect();
    }, { reconnectMs: 200, givesUp });
    transport.onclose = () => closed++;
    transport.onmessage = (message: JSONRPCMessage) => {
      if ("id" in message) answers.push(message.id);
      answered.resolve();
    };
    const ask = async (id: number, method: string) => {
      answered = Promise.withResolvers();
      await transport.send({ jsonrpc: "2.0", id, method, params: { protocolVersion: "x" } });
      await answered.promise;
    };
    await transport.start();
    await ask(1, "initialize");
    away = true;
    await fixture.kill();
    await assertRejects(() => ask(2, "ping"), Error, "away");
    away = false;
    assertEquals(closed, givesUp ? 1 : 0);
    if (givesUp) await assertRejects(() => ask(3, "ping"), Error, "closed");
    else await untilAnswered(() => ask(3, "ping"));
    assertEquals(answers, givesUp ? [1] : [1, 3]);
    await transport.close();
    assertEquals(closed, 1);
  });
}

/** Asks again until a new connection was ready within the time that one attempt has. */
async function untilAnswered(ask: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error;
    }
  }
}
