/** Rounds and the store behind them: what they cost, what holds them up, and when they are late. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ask, McpServer, sessionLayer, toolResult } from "../../../servers/base/mod.ts";
import type { SessionLayerOptions } from "../../../servers/base/mod.ts";
import { MemoryStore, type SessionRecord, StoreError } from "../../../store/mod.ts";
// @ts-types="@modelcontextprotocol/sdk/inMemory"
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { Caller } from "../../support/servers/in_process.ts";
import {
  accepted,
  ALL,
  assertRefused,
  complete,
  inputRequired,
} from "../../support/servers/round_trips.ts";
import type { Reply } from "../../support/servers/server.ts";

const START = 1_800_000_000_000;
const MINUTES = 60_000;

/** A store that counts what is asked of it, and can fail. */
class CountingStore extends MemoryStore {
  readonly calls: string[] = [];
  isAway = false;

  override create(session: SessionRecord): Promise<SessionRecord> {
    this.calls.push("create");
    if (this.isAway) return Promise.reject(new StoreError("unavailable", "The store is away"));
    return super.create(session);
  }

  override get(...by: Parameters<MemoryStore["get"]>): ReturnType<MemoryStore["get"]> {
    this.calls.push("get");
    return super.get(...by);
  }
}

/** A client of a server with a tool that asks; `runs` counts the runs of the tool. */
async function connect(options: Partial<SessionLayerOptions> = {}) {
  let runs = 0;
  const server = new McpServer({ name: "test", version: "1.0.0" });
  server.registerTool("greet", {}, async () => {
    runs++;
    const { name } = await ask({
      name: {
        method: "elicitation/create",
        params: { message: "?", requestedSchema: { type: "object", properties: {} } },
      },
    });
    return toolResult(name.action, {});
  });
  const caller = await Caller.connect(server, options);
  const greet = (more: object = {}): Promise<Reply> => {
    const _meta = {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientCapabilities": ALL,
    };
    return caller.ask("tools/call", { name: "greet", arguments: {}, ...more, _meta });
  };
  const round = async () => {
    const { requestState } = inputRequired(await greet());
    return { requestState, inputResponses: { name: accepted("Ann") } };
  };
  return {
    greet,
    round,
    runs: () => runs,
    [Symbol.asyncDispose]: () => caller[Symbol.asyncDispose](),
  };
}

Deno.test("requestState: it is valid for ten minutes", async () => {
  const clock = { now: START };
  const now = () => clock.now;
  await using client = await connect({ now, store: new MemoryStore({ now }) });
  const [early, late] = [await client.round(), await client.round()];
  clock.now = START + 10 * MINUTES - 1;
  complete(await client.greet(early));
  clock.now = START + 10 * MINUTES;
  const before = client.runs();
  assertRefused(await client.greet(late));
  assertRefused(await client.greet(early));
  assertEquals(client.runs(), before);
});

Deno.test("requestState: what was used is refused at the very end of its time too", async () => {
  const clock = { now: START };
  const now = () => clock.now;
  const store = new MemoryStore({ now });
  await using client = await connect({ now, store });
  const round = await client.round();
  complete(await client.greet(round));
  clock.now = START + 10 * MINUTES - 1;
  assertRefused(await client.greet(round));
  // The clock of another process is a little behind.
  await using behind = await connect({ now: () => now() - 30_000, store });
  clock.now = START + 10 * MINUTES + 29_000;
  assertRefused(await behind.greet(round));
});

Deno.test("requestState: a round costs one create, and no call costs anything before the first ask", async () => {
  const store = new CountingStore();
  await using client = await connect({ store });
  assertEquals(store.calls, []);
  const first = await client.round();
  assertEquals(store.calls.splice(0), ["get", "create"], "the key is made");
  complete(await client.greet(first));
  const second = await client.round();
  complete(await client.greet(second));
  assertEquals(store.calls, ["create", "create"]);
});

Deno.test("requestState: given keys need no store to seal", async () => {
  const store = new CountingStore();
  await using client = await connect({ store, keys: [new Uint8Array(32).fill(1)] });
  const round = await client.round();
  assertEquals(store.calls, []);
  complete(await client.greet(round));
  assertEquals(store.calls, ["create"]);
});

Deno.test("requestState: a store that fails is -32603, and the tool has not run", async () => {
  const store = new CountingStore();
  await using client = await connect({ store });
  store.isAway = true;
  const { error: unsealed } = await client.greet();
  assertEquals([unsealed?.code, unsealed?.data], [-32603, { code: "unavailable" }]);
  // It is back: nothing of the failure is kept.
  store.isAway = false;
  const round = await client.round();
  const before = client.runs();
  store.isAway = true;
  const { error } = await client.greet(round);
  assertEquals([error?.code, error?.data], [-32603, { code: "unavailable" }]);
  assertEquals(client.runs(), before);
  store.isAway = false;
  complete(await client.greet(round));
});

Deno.test("sessionLayer: refuses a key that has not 32 bytes, and leaves the transport as it was", () => {
  const [transport] = InMemoryTransport.createLinkedPair();
  const options = { store: new MemoryStore(), keys: [new Uint8Array(16)] };
  assertThrows(() => sessionLayer(transport, options), RangeError, "32 bytes");
  assertEquals(transport.onmessage, undefined);
});

Deno.test("ask: outside of a request it fails", async () => {
  const error = await assertRejects(() => ask({ folders: { method: "roots/list" } }), Error);
  assert(error.message.includes("no request of one runs here"), error.message);
});
