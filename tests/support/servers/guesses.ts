/** A flood of session ids that lead nowhere, against a real server: nobody else notices. */

import { assert, assertEquals } from "@std/assert";
import { auditLines } from "./audit_lines.ts";
import { bearer, tokensFile } from "./tokens.ts";
import { callRequest, messagesOf, post, request, startServer } from "./server.ts";
import { tempFolder } from "../temp_folder.ts";

const AT_A_TIME = 32;
const MIB = 1024 * 1024;

/**
 * Has one caller make so many guesses while another one calls: her calls are answered, and log, audit and
 * memory stay small.
 */
export async function checkGuesses(store: string, guesses: number): Promise<void> {
  await using folder = await tempFolder();
  await using tokens = await tokensFile({ "alice-1": "alice", "bob-1": "bob" });
  const path = `${folder.path}/audit.jsonl`;
  await using server = await startServer({
    server: new URL("../../fixtures/limited.ts", import.meta.url),
    transport: "http",
    args: ["{}"],
    store,
    flags: [...tokens.flags, "--audit", path],
  });
  const call = async (token: string, name: string, id?: string) => {
    const meta = id === undefined ? {} : { "mcp/session": { id } };
    const response = await post(server.url, callRequest(name, {}, 1, meta), bearer(token));
    const [message] = await messagesOf(response);
    return { status: response.status, result: message?.result };
  };
  const memory = async () =>
    Number((await call("alice-1", "memory")).result?.content[0]?.text) / MIB;
  const created = await post(server.url, request("session/create"), bearer("alice-1"));
  const { result: { id } } = await created.json();
  let guessed = 0;
  const statuses = new Set<number>();
  const guess = async (count: number) => {
    for (let made = 0; made < count; made++) {
      guessed++;
      const { status } = await call(
        "bob-1",
        "now",
        `sess-${crypto.randomUUID().replaceAll("-", "")}`,
      );
      statuses.add(status);
    }
  };
  // What a busy process takes without guesses too.
  await Promise.all(Array.from({ length: AT_A_TIME }, () => guess(300)));
  const before = await memory();
  const flood = Promise.all(
    Array.from({ length: AT_A_TIME }, () => guess(Math.ceil(guesses / AT_A_TIME))),
  );
  let isOver = false;
  void flood.then(() => isOver = true);
  while (!isOver) {
    const { status, result } = await call("alice-1", "now", id);
    assertEquals([status, result?._meta?.["mcp/session"]?.id], [200, id]);
  }
  await flood;
  assert(guessed >= guesses);
  const grown = await memory() - before;
  assert(grown < 64, `the server has grown by ${grown} MiB`);
  assert([...statuses].every((status) => [200, 503].includes(status)), `${[...statuses]}`);
  const lines = await auditLines(path);
  assert(lines.length < 150, `${lines.length} lines`);
  const last = lines.findLast(({ event }) => event === "denied");
  assertEquals(JSON.parse(last?.principal ?? "")[1], "bob");
  assert((last?.count ?? 0) >= guesses / 4, `the last line told of ${last?.count}`);
  assertEquals(server.stderr.filter((line) => line.includes("lead to no session")).length, 1);
}
