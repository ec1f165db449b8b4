/** Programs under a limit on the size of their files (`ulimit -f`). */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { file, jarMeaning } from "../../../client/jar/codec.ts";
import { Journal } from "../../../store/journal/journal.ts";
import { FileStore } from "../../../store/mod.ts";
import { put, record, tempFolder } from "../../support/store/stores.ts";

/** More than the files that Deno itself writes at start, but for its cache of compiled code. */
const LIMIT = 16 * 1024 * 1024;
/** More than a sync mark, which may come between; and less than a mark and a line. */
const LEFT = 60;
const root = new URL("../../..", import.meta.url);

/** Runs a program under the limit, with these messages on stdin. */
async function runLimited(
  args: readonly string[],
  messages: readonly object[] = [],
  env: Record<string, string> = {},
) {
  // A block has 512 bytes, whatever the shell.
  const script = `ulimit -f ${LIMIT / 512} && exec "$@"`;
  await using program = new Deno.Command("sh", {
    args: [
      "-c",
      script,
      "sh",
      Deno.execPath(),
      "run",
      "--no-check",
      "--no-prompt",
      "--no-code-cache",
      ...args,
    ],
    cwd: root,
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = program.stdin.getWriter();
  const text = messages.map((message) => `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  await writer.write(new TextEncoder().encode(text.join("")));
  await writer.close();
  const { code, stdout, stderr } = await program.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Fills a file to the limit but for some `LEFT`, with a function that adds so many bytes. */
async function fill(path: string, add: (key: string, bytes: number) => Promise<unknown>) {
  const size = async () => (await Deno.stat(path)).size;
  for (let i = 0; await size() < LIMIT - 300_000; i += 4) {
    await Promise.all([0, 1, 2, 3].map((j) => add(`key-${i + j}`, 50_000)));
  }
  for (let i = 0; await size() < LIMIT - 60_000; i++) await add(`last-${i}`, 40_000);
  const before = await size();
  await add("one", 1000);
  const overhead = (await size()) - before - 1000;
  await add("two", LIMIT - LEFT - (await size()) - overhead);
  const left = LIMIT - (await size());
  assert(left > 0 && left < 2 * LEFT, `${left} bytes are left`);
}

async function fillStore(path: string) {
  await using store = await FileStore.open(path, { namespace: "notebook", compactBytes: Infinity });
  await store.create(record("sess-1", { expiresAt: Number.MAX_SAFE_INTEGER }));
  await fill(path, (key, bytes) => put(store, "sess-1", [key, "x".repeat(bytes)]));
}

async function fillJar(path: string) {
  // Without compaction, which would change the size at any moment.
  const options = { warn: () => {}, compactBytes: Infinity };
  const jar = await Journal.open(path, jarMeaning(Date.now), options);
  const server = "https://example.com/mcp";
  await fill(path, (profile, bytes) => {
    const cookie = { id: "sess-1", data: { a: "x".repeat(bytes) } };
    const entry = { server, profile, cookie, filedAt: Date.now() };
    return jar.append((cookies) => file(cookies, entry), { durable: false });
  });
  await jar.close();
}

function test(name: string, fn: (folder: string) => Promise<void>) {
  const isWindows = Deno.build.os === "windows";
  Deno.test({
    name: `${name}${isWindows ? " (Windows has no such limit)" : ""}`,
    ignore: isWindows,
    fn: async () => {
      await using folder = await tempFolder();
      await fn(folder.path);
    },
  });
}

test("server: a store past ulimit -f is full, and the server goes on", async (folder) => {
  const path = `${folder}/sessions.jsonl`;
  await fillStore(path);
  const clientInfo = { name: "test", version: "1" };
  const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo };
  const { code, stdout, stderr } = await runLimited(
    [
      `--allow-read=${folder}`,
      `--allow-write=${folder}`,
      ...["servers/notebook.ts", "--store", `file:${path}`],
    ],
    [
      { id: 1, method: "initialize", params },
      { id: 2, method: "session/create" },
      { id: 3, method: "tools/list" },
    ],
  );
  const answers = stdout.trim().split("\n").map((line) => JSON.parse(line));
  const [, created, listed] = answers.sort((a, b) => a.id - b.id);
  assertEquals([created?.error?.code, created?.error?.data], [-32603, { code: "full" }]);
  assertEquals(listed?.result?.tools?.length > 0, true);
  assertEquals(code, 0);
  assertMatch(stderr, /notebook: error: Cannot write to .*sessions\.jsonl: .*ulimit -f/);
});

test("sessions: a jar past ulimit -f is an error of the command", async (folder) => {
  const path = `${folder}/cookies.jsonl`;
  await fillJar(path);
  const id = `sess-${"0".repeat(32)}`;
  const args = ["jar", "use", "https://example.com/mcp", id, "--jar", path];
  const { code, stderr } = await runLimited(["-A", "client/sessions.ts", ...args]);
  assertEquals(code, 1);
  assertMatch(stderr, /^sessions: Cannot write to .*cookies\.jsonl: .*ulimit -f/);
});

test("bridge: a jar past ulimit -f fails no call", async (folder) => {
  await fillJar(`${folder}/mcp-sessions/cookies.jsonl`);
  const clientInfo = { name: "test", version: "1" };
  const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo };
  const call = { name: "notebook_append", arguments: { text: "x" } };
  const server = [Deno.execPath(), "run", "-A", "servers/notebook.ts", "--store", "memory:"];
  const { code, stdout } = await runLimited(
    ["-A", "client/bridge.ts", "--session", "work", "--", ...server],
    [
      { id: 1, method: "initialize", params },
      { method: "notifications/initialized" },
      { id: 2, method: "tools/call", params: call },
    ],
    { XDG_STATE_HOME: folder },
  );
  const answers = stdout.trim().split("\n").map((line) => JSON.parse(line));
  const note = answers.find(({ id }) => id === 2)?.result?.structuredContent?.note_number;
  assertEquals([note, code], [1, 0]);
});

test("store repair: a new file past ulimit -f is an error of the command", async (folder) => {
  const path = `${folder}/sessions.jsonl`;
  await fillStore(path);
  {
    await using store = await FileStore.open(path, {
      namespace: "notebook",
      compactBytes: Infinity,
    });
    await store.create(record("sess-2", { expiresAt: Number.MAX_SAFE_INTEGER }));
    // The marks of the old file, which are not copied, take less.
    for (let i = 0; i < 20; i++) await put(store, "sess-2", [`more-${i}`, "x".repeat(50_000)]);
  }
  const to = `${folder}/new.jsonl`;
  const { code, stderr } = await runLimited(["-A", "store/admin.ts", "repair", path, "--to", to]);
  assertEquals(code, 2);
  assertMatch(stderr, /Cannot write .*new\.jsonl: .*ulimit -f/);
});
