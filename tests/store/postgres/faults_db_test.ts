/** A PostgreSQL that dies, stops, is busy, or loses its connections. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Adders } from "../../support/databases/adders.ts";
import { checkCutAnswers, checkSlow } from "../../support/databases/bad_connection.ts";
import { increment, put, record, refused } from "../../../store/conformance/cases.ts";
import { PostgresStore } from "../../../store/postgres/mod.ts";
import { type PostgresServer, startPostgres } from "../../support/databases/postgres.ts";
import { TcpProxy } from "../../support/databases/tcp_proxy.ts";
import { forEver, refusedAtOnce, tempFolder } from "../../support/store/stores.ts";
import { until } from "../../support/until.ts";

/** Long enough for a server that recovers. */
const FAIR_MS = 60_000;

const server = await startPostgres();
Deno.test.afterAll(() => server[Symbol.asyncDispose]());

interface Place extends AsyncDisposable {
  readonly server: PostgresServer;
  readonly database: string;
  readonly url: string;
  open(timeoutMs?: number, url?: string): Promise<PostgresStore>;
}

/** A database, and stores that are closed after the test. */
async function place(): Promise<Place> {
  const stack = new AsyncDisposableStack();
  const database = await server.makeDatabase();
  const own = server.url(database);
  return {
    server,
    database,
    url: own,
    async open(timeoutMs = FAIR_MS, url = own) {
      return stack.use(await PostgresStore.open(url, { namespace: "test", timeoutMs }));
    },
    [Symbol.asyncDispose]: async () => {
      server.resume();
      await stack.disposeAsync();
    },
  };
}

Deno.test.each(["kill", "fast"] as const)(
  "PostgresStore: stopped (%s) and started again, PostgreSQL has every acknowledged write, and none twice",
  async (how) => {
    await using at = await place();
    const stores = [await at.open(), await at.open()];
    const adders = await Adders.start(stores, { ids: ["a", "b", "c", "d"], each: 2 });
    for (let round = 0; round < 3; round++) {
      await adders.acknowledged(200);
      await at.server.stop(how);
      await at.server.start();
    }
    await adders.acknowledged(200);
    await adders.stop();
    assertEquals(adders.failures, []);
    await adders.check(stores[0]!);
  },
);

Deno.test("PostgresStore: a call that need not be durable is still counted after PostgreSQL was killed", async () => {
  await using at = await place();
  const store = await at.open();
  await store.create(record("sess-1", forEver));
  for (let round = 1; round <= 3; round++) {
    const counted = await store.transact("sess-1", {
      calls: 1,
      durable: false,
      update: () => ({ value: undefined }),
    });
    await at.server.stop("kill");
    await at.server.start();
    assertEquals((await store.get("sess-1"))?.toolCalls, counted?.session.toolCalls);
    assertEquals(counted?.session.toolCalls, round);
  }
});

Deno.test("PostgresStore: a server that is stopped is unavailable in time, and goes on by itself", async () => {
  await using at = await place();
  const store = await at.open(500);
  const adders = await Adders.start([store], { ids: ["a", "b"], each: 4 });
  await adders.acknowledged(50);
  await at.server.pause();
  assertMatch(await refused("unavailable", () => store.get("a")), /PostgreSQL at 127/);
  assertMatch(await refused("unavailable", () => increment(store, "a")), /PostgreSQL at 127/);
  at.server.resume();
  await adders.acknowledged(50);
  await adders.stop();
  assert(adders.failures.every(({ code }) => code === "unavailable"));
  await adders.check(store);
});

Deno.test("PostgresStore: a stopped server does not keep the store from closing, nor from opening in time", async () => {
  await using at = await place();
  const store = await at.open(300);
  await store.create(record("a", forEver));
  await at.server.pause();
  const written = refused("unavailable", () => put(store, "a", ["k", 1]));
  await store.close();
  await written;
  assertMatch(await refused("unavailable", () => at.open(300)), /does not answer: see whether/);
  at.server.resume();
  assertEquals((await (await at.open()).get("a"))?.id, "a");
});

Deno.test("PostgresStore: a server that is away is unavailable in time, and comes back", async () => {
  await using at = await place();
  const store = await at.open(300);
  await store.create(record("a", forEver));
  await at.server.stop("kill");
  assertMatch(await refused("unavailable", () => increment(store, "a")), /PostgreSQL at 127/);
  assertMatch(await refused("unavailable", () => store.get("a")), /nothing listens there/);
  assertMatch(await refused("unavailable", () => at.open(300)), /nothing listens there: start it/);
  await at.server.start();
  await until(() => store.get("a").catch(() => undefined), (session) => session !== undefined);
  assertEquals((await increment(store, "a"))?.session.toolCalls, 1);
});

Deno.test("PostgresStore: connections that are terminated again and again cost no call and no count", async () => {
  await using at = await place();
  const stores = [await at.open(), await at.open()];
  const adders = await Adders.start(stores, { ids: ["a", "b", "c"], each: 3 });
  for (let round = 0; round < 20; round++) {
    await adders.acknowledged(20);
    await at.server.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${at.database}'`,
    );
  }
  await adders.stop();
  assertEquals(adders.failures, []);
  await adders.check(stores[0]!);
});

Deno.test("PostgresStore: idle connections that are lost are made anew", async () => {
  await using at = await place();
  const store = await at.open();
  await store.create(record("a", forEver));
  for (let round = 0; round < 5; round++) {
    await at.server.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${at.database}'`,
    );
    assertEquals((await increment(store, "a"))?.value, round + 1);
  }
});

Deno.test("PostgresStore: behind a connection that cuts answers, every write is made once", async () => {
  await using at = await place();
  await using proxy = new TcpProxy({ to: { hostname: "127.0.0.1", port: at.server.port } });
  const url = at.url.replace(`:${at.server.port}/`, `:${proxy.port}/`);
  await using stores = new AsyncDisposableStack();
  const both = [await at.open(FAIR_MS, url), await at.open(FAIR_MS, url)];
  for (const store of both) stores.use(store);
  let answers = 0;
  const adders = await Adders.start(both, { ids: ["a", "b", "c"], each: 2 });
  proxy.fate = () => ++answers % 23 === 0 ? "cut" : "pass";
  await adders.acknowledged(1000);
  proxy.fate = () => "pass";
  await adders.stop();
  assert(answers > 100);
  assertEquals(adders.failures, []);
  await adders.check(both[0]!);
});

Deno.test("PostgresStore: a create, delete, regenerate or fork whose answer is cut is made once", async () => {
  await using at = await place();
  await using proxy = new TcpProxy({ to: { hostname: "127.0.0.1", port: at.server.port } });
  const url = at.url.replace(`:${at.server.port}/`, `:${proxy.port}/`);
  await checkCutAnswers(proxy, await at.open(FAIR_MS, url), await at.open());
});

Deno.test("PostgresStore: a slow connection is answered from in the time that it takes", async () => {
  await using at = await place();
  await using proxy = new TcpProxy({ to: { hostname: "127.0.0.1", port: at.server.port } });
  const url = at.url.replace(`:${at.server.port}/`, `:${proxy.port}/`);
  await checkSlow(proxy, await at.open(FAIR_MS, url));
});

Deno.test("PostgresStore: tables that somebody has locked are unavailable in time", async () => {
  await using at = await place();
  const store = await at.open(300);
  await store.create(record("a", forEver));
  const locked = at.server.query(
    "BEGIN; LOCK TABLE mcp_sessions.rows IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(1); COMMIT",
    at.database,
  );
  const locks = "SELECT FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted " +
    "AND relation = 'mcp_sessions.rows'::regclass";
  await until(() => at.server.query(locks, at.database), ({ length }) => length > 0);
  assertMatch(
    await refused("unavailable", () => increment(store, "a")),
    /PostgreSQL at 127.*answer/,
  );
  await locked;
  await until(() => increment(store, "a").catch(() => undefined), (made) => made !== undefined);
  await until(() => at.server.query(locks, at.database), ({ length }) => length === 0);
});

Deno.test("PostgresStore: a database that becomes read-only is unavailable for writes, and says so", async () => {
  await using at = await place();
  const store = await at.open();
  await store.create(record("a", forEver));
  await at.server.query(`ALTER DATABASE ${at.database} SET default_transaction_read_only = on`);
  await at.server.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${at.database}'`,
  );
  assertMatch(await refusedAtOnce(() => increment(store, "a")), /read-only, or a replica: connect/);
  assertEquals((await store.get("a"))?.toolCalls, 0);
  assertMatch(await refused("unavailable", () => at.open()), /is read-only/);
});

Deno.test("PostgresStore: tables that were removed are unavailable until the store is opened again", async () => {
  await using at = await place();
  const store = await at.open();
  await store.create(record("a", forEver));
  await at.server.query("DROP SCHEMA mcp_sessions CASCADE", at.database);
  assertMatch(await refusedAtOnce(() => store.get("a")), /was removed or changed/);
  assertEquals(await (await at.open()).get("a"), undefined);
});

// PostgreSQL does not run as the root of a user namespace, so this takes a real root who may mount.
const canMount = Deno.build.os === "linux" && Deno.uid() === 0 &&
  new Deno.Command("unshare", { args: ["-m", "true"], stderr: "null" }).outputSync().success;

interface SmallDisk {
  readonly fixture: string;
  readonly size: string;
  /** Whether all that the server writes is there, rather than what a fixture puts there. */
  readonly hasAll: boolean;
}

/** Runs a fixture with a folder that is a small disk of its own. */
function testOnSmallDisk(name: string, { fixture, size, hasAll }: SmallDisk) {
  Deno.test({
    name: `PostgresStore: ${name}`,
    ignore: !canMount,
    async fn() {
      await using folder = await tempFolder();
      const script = new URL(`../../fixtures/databases/${fixture}`, import.meta.url).href;
      const mount = `mount -t tmpfs -o size=${size},mode=755 none "$0" && exec "$@"`;
      const run = [Deno.execPath(), "run", "-A", "--no-check", script, folder.path];
      await Deno.chmod(folder.path, 0o755);
      const { success, stderr } = await new Deno.Command("unshare", {
        args: ["-m", "sh", "-c", mount, folder.path, ...run],
        env: hasAll ? { TMPDIR: folder.path } : {},
        stdout: "null",
      }).output();
      assert(success, new TextDecoder().decode(stderr));
    },
  });
}

testOnSmallDisk(
  "a tablespace without room refuses writes as full, keeps the rest, and goes on",
  { fixture: "full_tablespace.ts", size: "16m", hasAll: false },
);
testOnSmallDisk(
  "a server that ends itself as its log has no room has all that it acknowledged",
  { fixture: "full_postgres.ts", size: "150m", hasAll: true },
);
