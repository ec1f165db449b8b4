/** Clients over stdio that do not read what they have asked for. */

import { assert, assertEquals } from "@std/assert";
import { assertPeak, RawProcess, takenOf } from "../../support/servers/raw_process.ts";
import { INITIALIZE, startServer } from "../../support/servers/server.ts";

const LIMITED = new URL("../../fixtures/limited.ts", import.meta.url).href;
const MIB = 1024 * 1024;
function start(): RawProcess {
  return new RawProcess([LIMITED, "{}", "--store", "memory:"]);
}

async function initialize(server: RawProcess): Promise<void> {
  await server.send({ id: "initialize", method: "initialize", params: INITIALIZE }, {
    method: "notifications/initialized",
  });
  assertEquals((await server.next()).id, "initialize");
}

function call(id: number, name: string, args: object, _meta: object = {}): object {
  return { id, method: "tools/call", params: { name, arguments: args, _meta } };
}

Deno.test("stdio: a client that does not read is not listened to, and misses nothing", async () => {
  await using server = start();
  await initialize(server);
  const count = 150;
  const pad = { pad: "x".repeat(MIB) };
  const sends = Array.from({ length: count }, (_, id) => () => {
    return server.send(call(id, "large", { bytes: 4 * MIB }, pad));
  });
  const [taken, all] = await takenOf(sends);
  assert(taken < count, "all was taken, though nothing was read");
  for (let id = 0; id < count; id++) {
    const { id: answered, result } = await server.next();
    assertEquals([answered, result?.content[0]?.text.length], [id, 4 * MIB]);
  }
  await all;
  await assertPeak(server);
  assertEquals(await server.endInput(), 0);
});

Deno.test("stdio: many small requests with large answers in one piece take bounded memory", async () => {
  await using server = start();
  await initialize(server);
  const count = 300;
  await server.send(
    ...Array.from({ length: count }, (_, id) => call(id, "large", { bytes: 4 * MIB })),
  );
  for (let id = 0; id < count; id++) assertEquals((await server.next()).id, id);
  await assertPeak(server);
});

Deno.test("stdio: notifications that nobody reads and nobody waits for take bounded memory", async () => {
  await using server = start();
  await initialize(server);
  await server.send(call(1, "chatter", { count: 20_000 }));
  let read = 0;
  while ((await server.next()).id !== 1) read++;
  assert(read < 20_000);
  await assertPeak(server);
});

Deno.test("stdio: calls that wait for a later one do not stop it", async () => {
  const fixture = new URL("../../fixtures/policies.ts", import.meta.url);
  await using server = await startServer({ server: fixture, transport: "stdio" });
  const cookie = await server.create();
  const held = Array.from({ length: 40 }, () => server.tool("hold", { text: "x" }, cookie));
  await server.toolResult("held");
  await server.toolResult("release");
  assertEquals((await Promise.all(held)).length, 40);
});

Deno.test("stdio: a client that closes its end ends the server, which keeps what was asked", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const store = `file:${folder}/sessions.jsonl`;
    await using server = await startServer({ server: "notebook", transport: "stdio", store });
    const cookie = await server.create();
    const script = new URL("../../../servers/notebook.ts", import.meta.url).href;
    {
      await using deaf = new RawProcess([script, "--store", store]);
      await deaf.stopReading();
      const _meta = { "mcp/session": cookie };
      await deaf.send(call(1, "notebook_append", { text: "kept" }, _meta));
      // Its input is still open.
      assertEquals((await deaf.process.status).code, 0);
      assertEquals(await deaf.stderr, "");
    }
    const { structuredContent } = await server.toolResult("notebook_status", {}, cookie);
    assertEquals(structuredContent.note_count, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
