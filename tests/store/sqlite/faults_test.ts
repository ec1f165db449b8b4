import { DatabaseSync } from "node:sqlite";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { openStore, StoreError, type StoreErrorCode } from "../../../store/mod.ts";
import { SqliteStore } from "../../../store/sqlite/mod.ts";
import {
  all,
  forEver,
  gather,
  increment,
  namesIn,
  put,
  record,
  refusedAtOnce,
} from "../../support/store/stores.ts";
import { until } from "../../support/until.ts";
import { tempFolder } from "../../support/temp_folder.ts";

const namespace = "test";

function test(name: string, run: (path: string, folder: string) => Promise<void>) {
  Deno.test(`SqliteStore: ${name}`, async () => {
    await using folder = await tempFolder();
    await run(`${folder.path}/sessions.db`, folder.path);
  });
}

/** Expects a StoreError with this code, of one line that matches. */
async function refused(code: StoreErrorCode, message: RegExp, action: () => Promise<unknown>) {
  const error = await assertRejects(action, StoreError);
  assertEquals(error.code, code, error.message);
  assertMatch(error.message, message);
  assert(!error.message.includes("\n"), error.message);
}

/** A store with a session in it, and its database, open for a test. */
async function made(path: string) {
  await using store = await SqliteStore.open(path, { namespace });
  await store.create(record("sess-1", forEver));
  await increment(store, "sess-1");
}

test(
  "its files and folder are private, and a second opening changes nothing",
  async (_, folder) => {
    const path = `${folder}/a/b/sessions.db`;
    const { warnings, warn } = gather();
    for (let time = 1; time < 3; time++) {
      await using store = await openStore(`sqlite:${path}`, { namespace, warn });
      await increment(store, "none");
      const names = ["sessions.db", "sessions.db-shm", "sessions.db-wal"];
      assertEquals(namesIn(`${folder}/a/b`), names);
      if (Deno.build.os === "windows") continue;
      assertEquals((await Deno.stat(`${folder}/a`)).mode! & 0o777, 0o700);
      for (const name of names) {
        assertEquals((await Deno.stat(`${folder}/a/b/${name}`)).mode! & 0o777, 0o600, name);
      }
    }
    assertEquals(namesIn(`${folder}/a/b`), ["sessions.db"]);
    assertEquals(warnings, []);
  },
);

test("what is in the place of its folder, and a file of two names, are refused", async (path) => {
  await made(path);
  const inFile = () => SqliteStore.open(`${path}/x.db`, { namespace });
  await refused("unavailable", /^Cannot make the folder .*sessions\.db: /, inFile);
  await Deno.link(path, `${path}-too`);
  const linked = () => SqliteStore.open(path, { namespace });
  await refused("unavailable", /^Cannot open .*2 names/, linked);
});

test("a file that is no SQLite database is refused, and not changed", async (path) => {
  const text = "this is a list of things to do\n".repeat(300);
  await Deno.writeTextFile(path, text);
  const open = () => SqliteStore.open(path, { namespace });
  await refused(
    "corrupt",
    /^Cannot use .*sessions\.db: it is no SQLite database; it was not/,
    open,
  );
  assertEquals(await Deno.readTextFile(path), text);
  await Deno.truncate(path, 0);
  await made(path);
});

test("a damaged database is refused as corrupt", async (path) => {
  await made(path);
  const { size } = await Deno.stat(path);
  using file = await Deno.open(path, { write: true });
  await file.seek(4096, Deno.SeekMode.Start);
  await file.write(new Uint8Array(size - 4096).fill(7));
  const use = async () => {
    await using store = await SqliteStore.open(path, { namespace });
    await store.get("sess-1");
  };
  await refused("corrupt", /^Cannot use .*sessions\.db: it is damaged; /, use);
});

test("a read-only database can be read, and a write says what to do", async (path) => {
  await made(path);
  // Another keeps the log's files in place, which a read-only connection cannot make.
  await using _ = await SqliteStore.open(path, { namespace });
  using database = new DatabaseSync(path, { readOnly: true });
  await using store = new SqliteStore(database, { namespace });
  assertEquals(await all(store, "sess-1"), [["n", 1]]);
  const message = /^Cannot use .*sessions\.db: it is read-only for this user; change the modes /;
  assertMatch(await refusedAtOnce(() => increment(store, "sess-1")), message);
  await using other = new SqliteStore(database, { namespace: "other" });
  assertMatch(await refusedAtOnce(() => other.get("sess-1")), message);
  assertEquals(await all(store, "sess-1"), [["n", 1]]);
});

test("a full disk is full, changes nothing, and goes on when there is room", async (path) => {
  await made(path);
  using database = new DatabaseSync(path);
  await using store = new SqliteStore(database, { namespace });
  const { page_count: pages } = database.prepare("PRAGMA page_count").get()!;
  database.exec(`PRAGMA max_page_count = ${Number(pages) + 4}`);
  const big = () => put(store, "sess-1", ["big", "x".repeat(50_000)]);
  await refused("full", /^Cannot use .*: there is no room left; free some and try again$/, big);
  assertEquals(await all(store, "sess-1"), [["n", 1]]);
  // What needs no more room is still done, and a batch that fails leaves nothing behind.
  await Promise.allSettled([big(), big(), big()]);
  assertEquals((await increment(store, "sess-1"))?.value, 2);
  database.exec("PRAGMA max_page_count = 1000000");
  await big();
  assertEquals((await all(store, "sess-1"))?.map(([key]) => key), ["big", "n"]);
});

test("a lock that is never left ends in locked, and reads go on meanwhile", async (path) => {
  await made(path);
  await using store = await SqliteStore.open(path, { namespace, timeoutMs: 2000 });
  await store.create(record("sess-2", forEver));
  using holder = new DatabaseSync(path);
  holder.exec("BEGIN IMMEDIATE");
  const message = /^Cannot use .*sessions\.db: another process, or another connection, keeps it/;
  const writes = ["sess-1", "sess-2"].map((id) =>
    refused("locked", message, () => increment(store, id))
  );
  assertEquals(await all(store, "sess-1"), [["n", 1]]);
  await Promise.all(writes);
  holder.exec("COMMIT");
  assertEquals((await increment(store, "sess-1"))?.value, 2);
});

test("a write that waits for a lock is made when that is left, also by close()", async (path) => {
  await made(path);
  using holder = new DatabaseSync(path);
  holder.exec("BEGIN IMMEDIATE");
  const store = await SqliteStore.open(path, { namespace });
  const writes = Array.from({ length: 5 }, () => increment(store, "sess-1"));
  const closed = store.close();
  await new Promise((resolve) => setTimeout(resolve, 20));
  holder.exec("COMMIT");
  assertEquals((await Promise.all(writes)).map((each) => each?.value), [2, 3, 4, 5, 6]);
  await closed;
});

test("opening a file that another keeps locked ends in locked", async (path) => {
  using holder = new DatabaseSync(path);
  holder.exec("CREATE TABLE mine (x); BEGIN EXCLUSIVE");
  const open = () => SqliteStore.open(path, { namespace, timeoutMs: 200 });
  await refused("locked", /^Cannot use .*sessions\.db: .* keeps it locked: find it/, open);
  holder.exec("COMMIT");
  await made(path);
});

test("a file that is removed or replaced while it is open is not served any more", async (path) => {
  await made(path);
  await made(`${path}-other`);
  await using store = await SqliteStore.open(path, { namespace });
  assertEquals((await increment(store, "sess-1"))?.value, 2);
  await Deno.rename(path, `${path}-away`);
  const code = async () => {
    const error: unknown = await increment(store, "sess-1").then(() => {}, (error) => error);
    return error instanceof StoreError ? error.code : undefined;
  };
  assertEquals(await until(code, (found) => found !== undefined), "unavailable");
  await Deno.rename(`${path}-other`, path);
  const message = /^Cannot use .*sessions\.db: it was removed or replaced while it was open; stop /;
  assertMatch(await refusedAtOnce(() => increment(store, "sess-1")), message);
  assertMatch(await refusedAtOnce(() => store.get("sess-1")), message);
  await Deno.rename(`${path}-away`, path);
  assert(((await increment(store, "sess-1"))?.value ?? 0) > 2);
});

test("tables of another version are refused, and not changed", async (path) => {
  await made(path);
  const cases = [[2, /was written by a newer .*update it/], [
    0,
    /was written by an older /,
  ]] as const;
  for (const [version, message] of cases) {
    using database = new DatabaseSync(path);
    database.exec(`UPDATE mcp_sessions_layout SET version = ${version}`);
    for (const name of [namespace, "other"]) {
      const open = () => SqliteStore.open(path, { namespace: name });
      await refused("unavailable", message, open);
    }
    assertEquals(database.prepare("SELECT name FROM mcp_sessions_namespaces").all().length, 1);
  }
});

// Only Linux has mount namespaces, and some machines forbid them to ordinary users.
const canMount = Deno.build.os === "linux" &&
  new Deno.Command("unshare", { args: ["-rm", "true"], stderr: "null" }).outputSync().success;

Deno.test({
  name: "SqliteStore: a disk that is really full refuses writes, keeps the rest, and goes on",
  ignore: !canMount,
  async fn() {
    await using folder = await tempFolder();
    const script = new URL("../../fixtures/databases/full_sqlite.ts", import.meta.url).href;
    const mount = `mount -t tmpfs -o size=4m none "$0" && exec "$@"`;
    const run = [Deno.execPath(), "run", "-A", "--no-check", script, folder.path];
    const { success, stderr } = await new Deno.Command("unshare", {
      args: ["-rm", "sh", "-c", mount, folder.path, ...run],
      stdout: "null",
    }).output();
    assert(success, new TextDecoder().decode(stderr));
  },
});
