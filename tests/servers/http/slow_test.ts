/** What clients cost that are slow to send, or to read what they asked for. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { RawConnection } from "../../support/servers/raw_http.ts";
import {
  type HttpServer,
  messagesOf,
  opened,
  post,
  startServer,
  type WireMessage,
} from "../../support/servers/server.ts";
import { bearer, writeTokens } from "../../support/servers/tokens.ts";

const FIXTURE = new URL("../../fixtures/limited.ts", import.meta.url);
const MIB = 1024 * 1024;

const call = (id: number, name: string, args: object = {}) =>
  JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: args } });

function start(limits: Record<string, number>, flags: string[] = []): Promise<HttpServer> {
  const args = [JSON.stringify(limits)];
  return startServer({ server: FIXTURE, transport: "http", args, flags });
}

async function lastOf(response: Response): Promise<WireMessage | undefined> {
  return (await messagesOf(response)).at(-1);
}

/** Does something again until it gives what is wanted, which takes a moment. */
async function until<T>(once: () => Promise<T>, isWanted: (outcome: T) => boolean): Promise<T> {
  const deadline = AbortSignal.timeout(20_000);
  for (;;) {
    const outcome = await once();
    if (isWanted(outcome)) return outcome;
    deadline.throwIfAborted();
  }
}

/** Each way in which a large answer is given. */
const LARGE = [
  { how: "as JSON", flags: [], args: { bytes: 16 * MIB } },
  { how: "as an event stream", flags: [], args: { bytes: 16 * MIB, announced: true } },
  { how: "with --stateful", flags: ["--stateful"], args: { bytes: 16 * MIB } },
];

for (const { how, flags, args } of LARGE) {
  Deno.test(`large answers ${how} that nobody reads: wait up to the limit, and keep no others out`, async () => {
    await using server = await start({ answerBytes: 40 * MIB, answerMs: 600_000 }, flags);
    const headers = await opened(server.url);
    const ask = async (id: number) =>
      await lastOf(await post(server.url, call(id, "large", args), headers));
    using one = await RawConnection.open(server.url);
    await one.post(call(1, "large", args), headers);
    assertMatch(await one.read(), /^HTTP\/1\.1 200 /);
    {
      using two = await RawConnection.open(server.url);
      await two.post(call(2, "large", args), headers);
      assertMatch(await two.read(), /^HTTP\/1\.1 200 /);
      // The head may come before the answer.
      const refused = await until(() => ask(3), (reply) => reply?.error !== undefined);
      assertEquals([refused?.id, refused?.error?.code], [3, -32603]);
      assertMatch(refused?.error?.message ?? "", /too many large ones wait/);
      const small = await post(server.url, call(4, "now"), headers);
      assertEquals((await lastOf(small))?.result?.content[0]?.text, "now");
    }
    // The second client has gone, and the third has room.
    const answered = await until(() => ask(5), (reply) => reply?.result !== undefined);
    assertEquals(answered?.result?.content[0]?.text?.length, 16 * MIB);
  });
}

Deno.test("a large answer of which nothing is read: is given up after a while", async () => {
  await using server = await start({ answerBytes: 1, answerMs: 1000 });
  using slow = await RawConnection.open(server.url);
  await slow.post(call(1, "large", { bytes: 16 * MIB }));
  assertMatch(await slow.read(), /^HTTP\/1\.1 200 /);
  const ask = async () =>
    await lastOf(await post(server.url, call(2, "large", { bytes: 100_000 })));
  assertEquals((await ask())?.error?.code, -32603);
  const answered = await until(ask, (reply) => reply?.result !== undefined);
  assertEquals(answered?.result?.content[0]?.text?.length, 100_000);
});

Deno.test("large answers of one principal that nobody reads: leave room for the others", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const tokens = join(folder, "tokens");
    await writeTokens(tokens, { a: "alice", b: "bob" });
    const limits = { answerBytes: 100 * MIB, answerBytesPerOwner: 1, answerMs: 600_000 };
    await using server = await start(limits, ["--tokens", tokens]);
    using slow = await RawConnection.open(server.url);
    const large = call(1, "large", { bytes: 16 * MIB });
    await slow.post(large, bearer("a"));
    assertMatch(await slow.read(), /^HTTP\/1\.1 200 /);
    assertEquals((await lastOf(await post(server.url, large, bearer("a"))))?.error?.code, -32603);
    const answered = await lastOf(await post(server.url, large, bearer("b")));
    assertEquals(answered?.result?.content[0]?.text?.length, 16 * MIB);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("slow bodies that are given up: cost little more than their connections", async () => {
  await using server = await start({ bodyMs: 200 });
  const memory = async () => Number((await server.toolResult("memory")).content[0]?.text);
  const connections: RawConnection[] = [];
  const sendMore = async (count: number) => {
    const more: RawConnection[] = [];
    for (let number = 0; number < count; number++) {
      const connection = await RawConnection.open(server.url);
      connections.push(connection);
      more.push(connection);
      await connection.post("x".repeat(60_000), { "content-length": "64000" });
    }
    for (const connection of more) assertMatch(await connection.read(), /^HTTP\/1\.1 408 /);
  };
  try {
    const left: number[] = [];
    for (let wave = 0; wave < 4; wave++) {
      const before = await memory();
      await sendMore(200);
      left.push((await memory() - before) / 200);
    }
    // Some waves leave what has not been collected yet; what is held on to, each of them leaves.
    assert(Math.min(...left) < 160_000, `each has left ${left.map(Math.round)} bytes`);
  } finally {
    for (const connection of connections) connection[Symbol.dispose]();
  }
});

Deno.test("a body in chunks of one byte: costs no more than its bytes, and holds nobody up", async () => {
  // A busy machine may take long over 800,000 chunks.
  await using server = await start({ bodyMs: 600_000 });
  const memory = async () => Number((await server.toolResult("memory")).content[0]?.text);
  const before = await memory();
  using slow = await RawConnection.open(server.url);
  await slow.post("", { "transfer-encoding": "chunked" });
  const body = call(1, "now").padEnd(800_000);
  let most = 0;
  for (let start = 0; start < body.length; start += 80_000) {
    await slow.write([...body.slice(start, start + 80_000)].map((it) => `1\r\n${it}\r\n`).join(""));
    most = Math.max(most, await memory() - before);
  }
  await slow.write("0\r\n\r\n");
  assertMatch(await slow.read(), /^HTTP\/1\.1 200 /);
  assert(most < 110 * MIB, `it took ${Math.round(most / MIB)} MiB`);
});

Deno.test("bodies of one principal over its limit: get 503, and leave room for the others", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const tokens = join(folder, "tokens");
    await writeTokens(tokens, { a: "alice", b: "bob" });
    const limits = { bodyBytes: 200_000, bodyBytesPerOwner: 120_000 };
    await using server = await start(limits, ["--tokens", tokens]);
    using slow = await RawConnection.open(server.url);
    const headers = { ...bearer("a"), "content-length": "100000" };
    await slow.post("x".repeat(99_999), headers);
    const padded = (id: number) => call(id, "now") + " ".repeat(90_000);
    // It is under way once another of hers is sent away.
    const refused = await until(async () => {
      const response = await post(server.url, padded(1), bearer("a"));
      await response.text();
      return response;
    }, ({ status }) => status !== 200);
    assertEquals([refused.status, refused.headers.get("retry-after")], [503, "1"]);
    const answered = await post(server.url, padded(2), bearer("b"));
    assertEquals((await lastOf(answered))?.result?.content[0]?.text, "now");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
