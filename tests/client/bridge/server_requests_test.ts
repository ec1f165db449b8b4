/** Requests of servers to the host, through the bridge. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { BridgeHost, ECHO } from "../../support/bridge/host.ts";
import { tempFolder } from "../../support/temp_folder.ts";

/** Every request that a server can send. */
const METHODS = ["elicitation/create", "sampling/createMessage", "roots/list", "ping"];

/** Has the server send a request, and returns what the host got. */
async function asked(host: BridgeHost, method: string, message: string) {
  const params = { message, _meta: { progressToken: 0 } };
  await host.request("tools/call", { emit: [{ jsonrpc: "2.0", id: 0, method, params }] });
  const { id, params: got } = await host.until(({ params }) => messageOf(params) === message);
  assert(typeof got === "object" && got !== null && "_meta" in got);
  return { id, progressToken: Object(got._meta).progressToken };
}

function messageOf(params: unknown): unknown {
  return Object(params).message;
}

/** The replies that have reached the server that runs now. */
async function seen(host: BridgeHost): Promise<unknown[]> {
  const { result } = await host.request("seen", {});
  const messages: unknown[] = Object(result).seen;
  return messages.filter((message) => Object(message).method !== "notifications/initialized");
}

for (const method of METHODS) {
  Deno.test(`bridge: a late answer to the ${method} of a dead server is dropped`, async () => {
    await using folder = await tempFolder();
    await using host = BridgeHost.start(folder, ECHO);
    await host.initialize({ elicitation: {}, sampling: {}, roots: {} });
    const first = await asked(host, method, "May I list the files?");
    await host.send({ jsonrpc: "2.0", method: "exit" });
    // So that the host can close its dialog.
    const { params } = await host.until(({ method }) => method === "notifications/cancelled");
    assertEquals(Object(params).requestId, first.id);

    const second = await asked(host, method, "May I DELETE everything?");
    assertNotEquals(second.id, first.id);
    assertNotEquals(second.progressToken, first.progressToken);
    const progress = (progressToken: unknown) => {
      const params = { progressToken, progress: 1 };
      return { jsonrpc: "2.0", method: "notifications/progress", params };
    };
    const answer = (id: unknown, action: string) => ({ jsonrpc: "2.0", id, result: { action } });
    await host.send(progress(first.progressToken));
    for (const id of [first.id, 0, "0", 99, `${second.id}`]) {
      await host.send(answer(id, "accept"));
    }
    assertEquals(await seen(host), []);
    await host.send(progress(second.progressToken));
    await host.send(answer(second.id, "decline"));
    await host.send(answer(second.id, "accept"));
    assertEquals(await seen(host), [progress(0), answer(0, "decline")]);
  });
}
