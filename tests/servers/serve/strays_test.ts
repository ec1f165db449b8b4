/** Lines that nobody can use, and who is told so. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { opened, post, startServer } from "../../support/servers/server.ts";

/** What has no `method`: two peers who answer each other's answers never end. */
const STRAYS: [text: string, httpStatus: number][] = [
  ['{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}', 202],
  ['{"jsonrpc":"2.0","error":{"code":-32600,"message":"x"}}', 202],
  ['{"jsonrpc":"2.0","id":1,"error":"x"}', 202],
  ['{"jsonrpc":"2.0","id":1,"error":{"code":"x","message":"x"}}', 202],
  ['{"jsonrpc":"2.0","id":1,"result":null}', 202],
  ['{"jsonrpc":"2.0","id":{},"result":{}}', 202],
  ['{"id":1,"result":{}}', 202],
  [`{"jsonrpc":"2.0","id":1,"result":${"[".repeat(200)}${"]".repeat(200)}}`, 202],
  ['{"jsonrpc":"2.0","id":99,"result":{}}', 202],
  ["{}", 400],
  ['{"jsonrpc":"2.0","id":1}', 400],
];

Deno.test("stdio: what has no method is not answered, and thousands are few lines in the log", async () => {
  const flags = ["--log-level", "info"];
  await using server = await startServer({ server: "notebook", transport: "stdio", flags });
  await server.initialize();
  const large = `{"jsonrpc":"2.0","id":1,"result":{"text":"${"x".repeat(4 * 1024 * 1024)}"}}`;
  const lines = [...STRAYS.map(([text]) => text), large];
  for (let round = 0; round < 500; round++) {
    await server.write(`${lines.slice(0, -1).join("\n")}\n`);
  }
  await server.write(`${large}\n`);
  assertEquals<unknown>(await server.result("ping"), {});
  // An answer to any of them would be unasked.
  assertEquals(await server.endInput(), 0);
  const strays = server.stderr.filter((line) => !/sessions are kept|stopped/.test(line));
  assert(strays.length > 0 && strays.length < 10, strays.join("\n"));
});

for (const flags of [[], ["--stateful"]]) {
  Deno.test(`HTTP ${flags}: what has no method is accepted if it is an answer, and refused else`, async () => {
    await using server = await startServer({ server: "notebook", transport: "http", flags });
    const headers = await opened(server.url);
    for (const [text, status] of STRAYS) {
      const response = await post(server.url, text, headers);
      const body = await response.text();
      assertEquals([response.status, body === ""], [status, status === 202], text);
    }
  });
}

Deno.test("stdio: two servers that talk to each other come to an end", async () => {
  await using one = await startServer({ server: "notebook", transport: "stdio" });
  await using two = await startServer({ server: "session", transport: "stdio" });
  // Each line of one is the other's input, and there is one more after all that these lead to.
  const peers = [[one, two], [two, one]] as const;
  for (const [from, to] of peers) from.onunasked = (line) => to.write(`${line}\n`);
  for (
    const text of ["nonsense", "[]", "7", STRAYS[0]?.[0], '{"jsonrpc":"2.0","id":{},"method":7}']
  ) {
    await one.write(`${text}\n`);
    await two.write(`${text}\n`);
  }
  let before = -1;
  for (let lines = 0; lines > before;) {
    before = lines;
    for (const [peer] of peers) await peer.result("ping");
    lines = one.unasked.length + two.unasked.length;
  }
  // One answer to each line that could be a request.
  assertEquals([one.unasked.length, two.unasked.length], [4, 4]);
  for (const [peer] of peers) peer.unasked.length = 0;
});

/** Messages of more than 4 MiB, and the id that each is answered with. */
const LARGE_TEXT = `"${"x".repeat(4 * 1024 * 1024)}"`;
const LONG: [text: string, id: unknown][] = [
  [`{"jsonrpc":"2.0","id":"first","method":"ping","params":{"x":${LARGE_TEXT}}}`, "first"],
  [`{"params":{"x":${LARGE_TEXT}},"method":"ping","jsonrpc":"2.0","id":"last"}`, "last"],
  [`{"a":${LARGE_TEXT},"method":"ping","id":7,"jsonrpc":"2.0","b":${LARGE_TEXT}}`, 7],
  [`{ "\\u0069d" : -1 , "met\\u0068od":"ping","params":{"id":2,"x":${LARGE_TEXT}}}`, -1],
  [`{"id":"a\\"b\\\\","method":"ping","params":{"x":${LARGE_TEXT}}}`, 'a"b\\'],
  // What stands in an argument is nobody's id.
  [
    `{"jsonrpc":"2.0","method":"x","params":{"id":1,"x":${LARGE_TEXT},"y":{"id":2}},"id":"own"}`,
    "own",
  ],
  [`{"jsonrpc":"2.0","method":"x","params":{"x":${LARGE_TEXT},"text":"\\",\\"id\\":3"}}`, null],
  [`{"jsonrpc":"2.0","method":"x","id":{"id":1},"params":{"x":${LARGE_TEXT}}}`, null],
  [`{"jsonrpc":"2.0","method":"x","id":1.5,"params":{"x":${LARGE_TEXT}}}`, null],
  [`{"jsonrpc":"2.0","method":"x","id":1,"params":{"x":${LARGE_TEXT}},"id":2}`, 2],
  [`{"jsonrpc":"2.0","method":"x","id":1,"params":{"x":${LARGE_TEXT}}`, null],
  [`[{"jsonrpc":"2.0","method":"x","id":1,"params":{"x":${LARGE_TEXT}}}]`, null],
  [LARGE_TEXT, null],
];

Deno.test("stdio: who has sent too much is answered by the id at the top level of it", async () => {
  await using server = await startServer({ server: "notebook", transport: "stdio" });
  await server.initialize();
  for (const [text, id] of LONG) {
    const { error } = await server.send(text, id);
    assertMatch(error?.message ?? "", /at most 4194304 bytes/);
  }
  assertEquals<unknown>(await server.result("ping"), {});
});
