import { DatabaseSync } from "node:sqlite";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { StoreError } from "../../../store/mod.ts";
import { SqliteStore } from "../../../store/sqlite/mod.ts";
import { all, forEver, increment, record, refused } from "../../support/store/stores.ts";
import { tempFolder } from "../../support/temp_folder.ts";

const namespace = "test";

Deno.test("SqliteStore: works in an application's database, beside its tables, and leaves it open", async () => {
  await using folder = await tempFolder();
  for (const mode of ["wal", "delete", "memory"]) {
    const place = mode === "memory" ? ":memory:" : `${folder.path}/${mode}.db`;
    using database = new DatabaseSync(place);
    database.exec(
      `PRAGMA journal_mode = ${mode}; CREATE TABLE mine (x); INSERT INTO mine VALUES (1)`,
    );
    {
      await using store = new SqliteStore(database, { namespace });
      await using other = new SqliteStore(database, { namespace: "other" });
      await store.create(record("sess-1", forEver));
      await increment(store, "sess-1");
      await store.transact("sess-1", {
        update: () => ({ value: 0, set: [["soft", 1]] }),
        durable: false,
      });
      assertEquals(await all(store, "sess-1"), [["n", 1], ["soft", 1]]);
      assertEquals(await other.get("sess-1"), undefined);
    }
    database.exec("UPDATE mine SET x = x + 1");
    assertEquals(database.prepare("SELECT x FROM mine").get()?.x, 2);
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    assertEquals(tables.map(({ name }) => name).sort(), [
      "mcp_sessions_counts",
      "mcp_sessions_layout",
      "mcp_sessions_namespaces",
      "mcp_sessions_rows",
      "mine",
    ]);
  }
});

Deno.test("SqliteStore: a commit waits for the disk as asked, whatever the connection is set to", async () => {
  await using folder = await tempFolder();
  for (const [before, after] of [[0, 2], [1, 2], [2, 2], [3, 3]]) {
    using database = new DatabaseSync(`${folder.path}/${before}.db`);
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${before}`);
    const level = () => Number(database.prepare("PRAGMA synchronous").get()?.synchronous);
    const levels: number[] = [];
    // Called within the transaction.
    database.function("level_now", () => {
      levels.push(level());
      return 0;
    });
    await using store = new SqliteStore(database, { namespace });
    await store.create(record("sess-1", forEver));
    assertEquals(level(), after);
    database.exec(
      "CREATE TRIGGER watch AFTER UPDATE ON mcp_sessions_rows BEGIN SELECT level_now(); END",
    );
    const write = (durable: boolean) =>
      store.transact("sess-1", { calls: 1, durable, update: () => ({ value: 0 }) });
    await write(false);
    assertEquals(new Set(levels.splice(0)), new Set([1]));
    await write(true);
    assertEquals(new Set(levels.splice(0)), new Set([after]));
    // One that must be durable makes all of its batch so.
    await Promise.all([write(false), write(true)]);
    assertEquals(level(), after);
  }
});

Deno.test("SqliteStore: waits for the end of an application's transaction on the same connection", async () => {
  using database = new DatabaseSync(":memory:");
  await using store = new SqliteStore(database, { namespace });
  await store.create(record("sess-1", forEver));
  database.exec("CREATE TABLE mine (x); BEGIN; INSERT INTO mine VALUES (1)");
  const writing = increment(store, "sess-1");
  await new Promise((resolve) => setTimeout(resolve, 5));
  database.exec("ROLLBACK");
  assertEquals((await writing)?.value, 1);
  assertEquals(database.prepare("SELECT count(*) AS n FROM mine").get()?.n, 0);
  database.exec("BEGIN");
  await using hurried = new SqliteStore(database, { namespace, timeoutMs: 100 });
  await refused("locked", () => hurried.get("sess-1"));
  database.exec("COMMIT");
});

Deno.test("SqliteStore: a database that the application closed is closed", async () => {
  const database = new DatabaseSync(":memory:");
  await using store = new SqliteStore(database, { namespace });
  await store.create(record("sess-1", forEver));
  database.close();
  await refused("closed", () => store.get("sess-1"));
  await refused("closed", () => increment(store, "sess-1"));
});

Deno.test("SqliteStore: refuses a database in UTF-16, and wrong options at once", async () => {
  using database = new DatabaseSync(":memory:");
  database.exec("PRAGMA encoding = 'UTF-16le'; CREATE TABLE mine (x)");
  await using store = new SqliteStore(database, { namespace, timeoutMs: 50 });
  await assertRejects(() => store.get("sess-1"), StoreError, "its encoding is not UTF-8");
  assertThrows(() => new SqliteStore(database, { namespace: "" }), RangeError);
  assertThrows(() => new SqliteStore(database, { namespace, timeoutMs: -1 }), RangeError);
  const wrong = { namespace, limits: { sessions: -1 } };
  assertThrows(() => new SqliteStore(database, wrong), RangeError);
  await assertRejects(() => SqliteStore.open("unused", wrong), RangeError);
});
