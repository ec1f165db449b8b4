/** Messages of a server that cannot be passed on: the peer that waits gets an error. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { BridgeHost, ECHO } from "../../support/bridge/host.ts";
import { tempFolder } from "../../support/temp_folder.ts";

const ARGS = [...ECHO, "--sessions"];
const MIB = 1024 * 1024;
const ID = '"jsonrpc":"2.0","id":"h"';

/** Lines in place of the response to `h`, and the error for the host. */
const ANSWERS: readonly [what: string, write: string, repeat: number, says: RegExp][] = [
  ["too long an answer", `{${ID},"result":{"x":"%"}}`, 10 * MIB, /more than 10485760 bytes/],
  ["one with its id last", `{"result":{"id":1,"x":"%"},${ID}}`, 10 * MIB, /more than 10485760/],
  ["too long an error", `{${ID},"error":{"x":"%"}}`, 10 * MIB, /more than 10485760 bytes/],
  ["a result that is none", `{${ID},"result":null}`, 0, /its answer is malformed/],
  ["an error that is none", `{${ID},"error":"oh"}`, 0, /its answer is malformed/],
  ["an answer without a version", '{"id":"h","result":{}}', 0, /its answer is malformed/],
];

for (const [what, write, repeat, says] of ANSWERS) {
  Deno.test(`bridge: answers with an error in place of ${what}, and the server lives on`, async () => {
    await using folder = await tempFolder();
    await using host = await BridgeHost.connect(folder, ARGS);
    await host.send({ jsonrpc: "2.0", method: "notifications/mark" });
    const params = { write: `${write}\n`, repeat, silent: true };
    const { error } = await host.request("tools/call", params, "h");
    assertMatch(error?.message ?? "", says);
    assert(error && error.code !== -32000, "the outcome is unknown");
    const { result } = await host.request("seen", {});
    assert(JSON.stringify(result).includes("notifications/mark"), "it is another server");
  });
}

Deno.test("bridge: answers a request of the server that it cannot pass on", async () => {
  await using folder = await tempFolder();
  await using host = await BridgeHost.connect(folder, ARGS);
  const question = `"jsonrpc":"2.0","method":"sampling/createMessage","params":{"x":"%"}`;
  const write = `{${question},"id":7}\n`;
  await host.request("tools/call", { write, repeat: 10 * MIB });
  const { result } = await host.request("seen", {});
  const [, answer] = Object(result).seen;
  assertEquals([answer.id, answer.error.code], [7, -32600]);
  assertMatch(answer.error.message, /more than 10485760 bytes/);
});

Deno.test("bridge: answers no stray response of the server, and logs few of them", async () => {
  await using folder = await tempFolder();
  await using host = await BridgeHost.connect(folder, ARGS);
  const strays = [
    '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}',
    '{"jsonrpc":"2.0","id":99,"result":{}}',
    "Listening …",
    "{}",
    "[]",
  ];
  const before = host.messages.length;
  await host.request("tools/call", { write: `${strays.join("\n")}\n`.repeat(500) });
  const { result } = await host.request("seen", {});
  assertEquals(Object(result).seen.length, 1, "the first message alone needed no answer");
  assertEquals(host.messages.length, before + 2);
  assert(host.stderr.length < 10, host.stderr.join("\n"));
});
