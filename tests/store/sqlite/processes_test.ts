import { assert, assertEquals } from "@std/assert";
import { Fixture } from "../../support/store/processes.ts";
import { all, forEver, record, tempFolder } from "../../support/store/stores.ts";
import { SqliteStore } from "../../../store/sqlite/mod.ts";

Deno.test("SqliteStore: several processes that add to one number lose nothing", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.db`;
  await using store = await SqliteStore.open(path, { namespace: "test" });
  await store.create(record("sess-1", forEver));
  await using open = new AsyncDisposableStack();
  const writers = ["a", "b", "c", "d"].map((name) =>
    open.use(new Fixture("writer", `sqlite:${path}`, "sess-1", "count", name, "100"))
  );
  assertEquals(await Promise.all(writers.map((writer) => writer.ended())), [0, 0, 0, 0]);
  assertEquals(await all(store, "sess-1"), [["n", 400]]);
  assertEquals((await store.get("sess-1"))?.toolCalls, 400);
});

Deno.test("SqliteStore: processes that create its file at the same time can all use it", async () => {
  await using folder = await tempFolder();
  const url = `sqlite:${folder.path}/a/sessions.db`;
  await using open = new AsyncDisposableStack();
  const openers = Array.from({ length: 6 }, () => open.use(new Fixture("open", url)));
  for (const opener of openers) assertEquals((await opener.lines.next()).value, "opened");
});

Deno.test("SqliteStore: a kill -9 of two writers loses nothing that was acknowledged", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.db`;
  for (let round = 0; round < 3; round++) {
    const session = `sess-${round}`;
    // Each round opens it again, after the kills of the one before.
    await using store = await SqliteStore.open(path, { namespace: "test" });
    await store.create(record(session, forEver));
    const acknowledged = new Map<string, number>();
    await killed(path, session, "pairs", 60 + round * 40, (name, line) => {
      acknowledged.set(`${name}-${line % 40}`, line);
    });
    const found = new Map(await all(store, session));
    assert(acknowledged.size >= 60, `${acknowledged.size}`);
    for (const [name, number] of acknowledged) {
      const [writer, slot] = name.split("-");
      const a = String(found.get(`${writer}-a-${slot}`));
      // Later writes to the same keys may have been made without an acknowledgement.
      assert(parseInt(a) >= number, `${name} should be ${number} or later: ${a.slice(0, 20)}`);
      assertEquals(found.get(`${writer}-b-${slot}`), a, "half a transaction was written");
    }
  }
});

Deno.test("SqliteStore: a kill -9 of two writers makes no call twice, and tells no number twice", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.db`;
  await using store = await SqliteStore.open(path, { namespace: "test" });
  await store.create(record("sess-1", forEver));
  const told: number[] = [];
  await killed(path, "sess-1", "numbers", 150, (_, line) => told.push(line));
  assertEquals(new Set(told).size, told.length);
  const { toolCalls } = (await store.get("sess-1"))!;
  assert(toolCalls >= Math.max(...told), `${toolCalls}`);
  // Each had at most eight calls under way.
  assert(toolCalls <= told.length + 16, `${told.length} were told, and ${toolCalls} made`);
});

/** Runs two writers until each has acknowledged so many writes, and kills it in the midst of more. */
async function killed(
  path: string,
  session: string,
  mode: string,
  most: number,
  onLine: (name: string, line: number) => void,
) {
  await using open = new AsyncDisposableStack();
  const writers = ["a", "b"].map((name) =>
    [name, open.use(new Fixture("writer", `sqlite:${path}`, session, mode, name))] as const
  );
  await Promise.all(writers.map(async ([name, writer]) => {
    let count = 0;
    for await (const line of writer.lines) {
      onLine(name, Number(line));
      if (++count === most) writer.kill();
    }
  }));
}
