/** Server processes that break the rules of stdio. */

import { assert } from "@std/assert";
import { ServerProcess } from "../../../client/connection/server_process.ts";

// Longer than the SDK waits for an answer, and than a signal may wait.
const ENOUGH = "(1000000 such lines so far)";

Deno.test("ServerProcess: a server that writes without end holds up nothing else", async () => {
  const flood = "const lines = new TextEncoder().encode('y\\n'.repeat(1 << 15));" +
    "for (;;) Deno.stdout.writeSync(lines);";
  const server = new ServerProcess({ command: Deno.execPath(), args: ["eval", flood] });
  const flooded = Promise.withResolvers<boolean>();
  const first = new Promise<void>((resolve) => {
    server.onerror = ({ message }) => message.endsWith(ENOUGH) ? flooded.resolve(true) : resolve();
  });
  await server.start();
  await first;
  const timer = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 1));
  const isHeldUp = await Promise.race([timer, flooded.promise]);
  await server.close();
  assert(!isHeldUp, "a timer did not fire while a million lines were read");
});
