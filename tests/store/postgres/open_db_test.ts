/** Opening PostgreSQL: what is refused, what is warned of, what is made. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import pg from "pg";
import { increment, record, refused } from "../../../store/conformance/cases.ts";
import { selfSigned } from "../../support/self_signed.ts";
import { gather, refusedAtOnce, tempFolder } from "../../support/store/stores.ts";
import { openStore, StoreError } from "../../../store/mod.ts";
import { PostgresStore } from "../../../store/postgres/mod.ts";
import { startPostgres } from "../../support/databases/postgres.ts";
import { until } from "../../support/until.ts";

const forEver = { expiresAt: Number.MAX_SAFE_INTEGER };
const namespace = "test";
const PASSWORD = "hunter-2/@";
const USER = "carol";

const server = await startPostgres();
await server.query(`CREATE ROLE ${USER} LOGIN PASSWORD '${PASSWORD}'`);
Deno.test.afterAll(() => server[Symbol.asyncDispose]());

/** A URL of the user that needs a password. */
const urlOf = (database: string, password = PASSWORD) =>
  server.url(database, `${USER}:${encodeURIComponent(password)}`);

/** The message of a store that cannot be opened, in which there is no secret. */
async function refusal(url: string, timeoutMs = 10_000): Promise<string> {
  const error = await assertRejects(() => openStore(url, { namespace, timeoutMs }), StoreError);
  assertEquals(error.code, "unavailable");
  const all = Deno.inspect(error, { depth: 10, showHidden: true });
  for (const secret of [PASSWORD, encodeURIComponent(PASSWORD), "hunter", USER]) {
    assert(!all.includes(secret), `It has a secret: ${all}`);
  }
  return error.message;
}

Deno.test("PostgresStore: a wrong password, none, or a missing database is refused in plain words", async () => {
  const database = await server.makeDatabase();
  assertMatch(await refusal(urlOf(database, "hunter-3")), /refuses the user or the password/);
  assertMatch(await refusal(server.url(database, USER)), /./);
  assertMatch(await refusal(server.url("none_such")), /no such database: make it with createdb/);
});

Deno.test("PostgresStore: a user that may make no tables is told what to grant, and needs no more after", async () => {
  const database = await server.makeDatabase();
  assertMatch(
    await refusal(urlOf(database)),
    /GRANT CREATE ON DATABASE to it \(docs\/stores\.md\)$/,
  );
  await server.query(`CREATE SCHEMA mcp_sessions AUTHORIZATION ${USER}`, database);
  await using store = await openStore(urlOf(database), { namespace });
  await store.create(record("a", forEver));
  assertEquals((await increment(store, "a"))?.value, 1);
});

Deno.test("PostgresStore: a user that may use tables of another needs no more than that", async () => {
  const database = await server.makeDatabase();
  await (await openStore(server.url(database), { namespace })).close();
  assertMatch(await refusal(urlOf(database)), /GRANT USAGE ON SCHEMA mcp_sessions; SELECT, INSERT/);
  const tables = "ON ALL TABLES IN SCHEMA mcp_sessions";
  await server.query(
    `GRANT USAGE ON SCHEMA mcp_sessions TO ${USER};
    GRANT SELECT, INSERT, UPDATE ${tables} TO ${USER}`,
    database,
  );
  const lacking =
    "GRANT DELETE ON TABLE mcp_sessions.counts; DELETE ON TABLE mcp_sessions.rows to it";
  assertMatch(await refusal(urlOf(database)), new RegExp(lacking));
  await server.query(`GRANT DELETE ${tables} TO ${USER}`, database);
  await using store = await openStore(urlOf(database), { namespace });
  await store.create(record("a", forEver));
  assertEquals((await increment(store, "a"))?.value, 1);
  await server.query(`REVOKE UPDATE ${tables} FROM ${USER}`, database);
  assertMatch(await refusedAtOnce(() => increment(store, "a")), /lost a right .* docs\/stores\.md/);
  await server.query(`GRANT UPDATE ${tables} TO ${USER}`, database);
  assertEquals((await increment(store, "a"))?.value, 2);
  assertEquals(await store.delete("a"), true);
});

Deno.test("PostgresStore: a certificate that cannot be checked is refused with what to put into the URL", async () => {
  await using folder = await tempFolder();
  const { key, cert } = await selfSigned(folder.path);
  await using other = await startPostgres();
  const urlFor = (host: string, query: string) =>
    other.url().replace("127.0.0.1", host) + `?sslmode=${query}`;
  assertMatch(await refusal(urlFor("localhost", "require")), /speaks no TLS: set its ssl to on/);
  await other.stop();
  await other.write("server.crt", await Deno.readTextFile(cert));
  await other.write("server.key", await Deno.readTextFile(key));
  await other.start({ settings: { ssl: "on" } });
  const unknown = /authority that is not known: name that by sslmode=verify-full&sslrootcert=PATH/;
  assertMatch(await refusal(urlFor("localhost", "verify-full")), unknown);
  assertMatch(await refusal(urlFor("localhost", "verify-ca")), unknown);
  const known = `&sslrootcert=${cert}`;
  assertMatch(
    await refusal(urlFor("127.0.0.1", `verify-full${known}`)),
    /of another host: connect/,
  );
  for (const [host, mode] of [["localhost", "verify-full"], ["127.0.0.1", "verify-ca"]] as const) {
    await (await openStore(urlFor(host, mode + known), { namespace })).close();
  }
});

Deno.test("PostgresStore: too many connections are unavailable in plain words", async () => {
  const database = await server.makeDatabase();
  await server.query(`GRANT CREATE ON DATABASE ${database} TO ${USER}`);
  await using store = await openStore(urlOf(database), { namespace, timeoutMs: 300 });
  await store.create(record("a", forEver));
  await server.query(`ALTER ROLE ${USER} CONNECTION LIMIT 0`);
  assertMatch(await refusal(urlOf(database)), /too many connections: raise its max_connections/);
  assertEquals((await increment(store, "a"))?.value, 1);
  await server.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}'`,
  );
  assertMatch(await refused("unavailable", () => increment(store, "a")), /too many connections/);
  await server.query(`ALTER ROLE ${USER} CONNECTION LIMIT -1`);
  await until(() => store.get("a").catch(() => undefined), (found) => found !== undefined);
});

Deno.test("PostgresStore: many that open a new database at once make its tables once", async () => {
  const database = await server.makeDatabase();
  const opening = Array.from({ length: 12 }, () => openStore(server.url(database), { namespace }));
  const stores = await Promise.all(opening);
  await stores[0]!.create(record("a", forEver));
  for (const store of stores) assertEquals((await store.get("a"))?.id, "a");
  for (const store of stores) await store.close();
  const [row] = await server.query("SELECT count(*) FROM mcp_sessions.version", database);
  assertEquals(row, { count: "1" });
});

Deno.test("PostgresStore: tables of a newer version are refused", async () => {
  const database = await server.makeDatabase();
  await (await openStore(server.url(database), { namespace })).close();
  await server.query("UPDATE mcp_sessions.version SET version = 99", database);
  assertMatch(
    await refusal(server.url(database)),
    /tables of version 99, and this program knows 1/,
  );
});

Deno.test("PostgresStore: settings of a database that make it unfit are refused", async () => {
  const database = await server.makeDatabase();
  const set = (text: string) => server.query(`ALTER DATABASE ${database} ${text}`);
  await set("SET default_transaction_read_only = on");
  assertMatch(
    await refusal(server.url(database)),
    /is read-only \(default_transaction_read_only\)/,
  );
  await set("RESET default_transaction_read_only");
  await set("SET default_transaction_isolation = 'repeatable read'");
  assertMatch(await refusal(server.url(database)), /default_transaction_isolation repeatable read/);
});

Deno.test("PostgresStore: what may be lost is told once, in one line, and a good server is not", async () => {
  const database = await server.makeDatabase();
  const good = gather();
  await (await openStore(server.url(database), { namespace, warn: good.warn })).close();
  assertEquals(good.warnings, []);
  await server.query(`ALTER DATABASE ${database} SET synchronous_commit = off`);
  await server.query("ALTER TABLE mcp_sessions.rows SET UNLOGGED", database);
  const { warnings, warn } = gather();
  await using store = await openStore(server.url(database), { namespace, warn });
  await store.create(record("a", forEver));
  await increment(store, "a");
  assertEquals(warnings.length, 1);
  assertMatch(warnings[0]!, /may lose what it has acknowledged: .*synchronous_commit.*UNLOGGED/);
  assert(!warnings[0]!.includes("\n"));
});

Deno.test("PostgresStore: a server without fsync is warned of, a replica refused", async () => {
  await using other = await startPostgres({
    settings: { fsync: "off", wal_level: "replica", max_wal_senders: "1" },
  });
  const { warnings, warn } = gather();
  await (await openStore(other.url(), { namespace, warn })).close();
  assertMatch(warnings[0]!, /fsync is off/);
  await other.stop();
  await other.write("standby.signal", "");
  await other.start({ settings: { wal_level: "replica", max_wal_senders: "1" } });
  assertMatch(await refusal(other.url()), /is a replica, which takes no writes: connect/);
  const pool = new pg.Pool({ connectionString: other.url() });
  await using store = new PostgresStore(pool, { namespace, closesPool: true });
  assertMatch(await refusedAtOnce(() => store.get("a")), /is a replica, which takes no writes/);
});

Deno.test("PostgresStore: takes a pool, makes the tables at its first operation, and leaves it open", async () => {
  const database = await server.makeDatabase();
  const pool = new pg.Pool({ connectionString: server.url(database), max: 2 });
  pg.types.setTypeParser(17, () => "another parser");
  const { warnings, warn } = gather();
  for (let round = 0; round < 2; round++) {
    const store = new PostgresStore(pool, { namespace, warn });
    await Promise.all(["a", "b"].map((id) => store.create(record(id + round, forEver))));
    assertEquals((await increment(store, `a${round}`))?.value, 1);
    await store.close();
  }
  assertEquals(warnings, []);
  assertEquals((await pool.query("SELECT 1 AS one")).rows, [{ one: 1 }]);
  const store = new PostgresStore(pool, { namespace, closesPool: true });
  await store.close();
  await assertRejects(() => pool.query("SELECT 1"), Error, "after calling end");
});

Deno.test("PostgresStore: takes a single client, and tries again what failed at its first operation", async () => {
  const database = await server.makeDatabase();
  const client = new pg.Client({ connectionString: server.url(database) });
  await client.connect();
  await client.query("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY");
  const store = new PostgresStore(client, { namespace, closesPool: true });
  assertMatch(await refusedAtOnce(() => store.get("a")), /PostgreSQL is read-only/);
  await client.query("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE");
  await Promise.all(["a", "b", "c"].map((id) => store.create(record(id, forEver))));
  assertEquals((await increment(store, "b"))?.value, 1);
  await store.close();
});

Deno.test("PostgresStore: has the permissions that its docs name, and no more", async () => {
  const database = await server.makeDatabase();
  const docs = await Deno.readTextFile(new URL("../../../docs/stores.md", import.meta.url));
  const [, names] = /--allow-net=HOST:PORT --allow-env=([A-Z_,]+)/.exec(docs) ?? [];
  assert(names);
  const program = `
    import { openStore } from ${JSON.stringify(import.meta.resolve("../../../store/mod.ts"))};
    const store = await openStore(${JSON.stringify(urlOf(database))}, { namespace: "test" });
    console.log(JSON.stringify(await store.list({ owner: null, limit: 1 })));
    await store.close();
  `;
  await server.query(`GRANT CREATE ON DATABASE ${database} TO ${USER}`);
  const config = import.meta.resolve("../../../deno.json");
  const allowed = [`--allow-net=127.0.0.1:${server.port}`, `--allow-env=${names}`];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--config", new URL(config).pathname, ...allowed, "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(program));
  await writer.close();
  const { stdout, stderr } = await child.output();
  assertEquals(new TextDecoder().decode(stdout), "[]\n", new TextDecoder().decode(stderr));
});
