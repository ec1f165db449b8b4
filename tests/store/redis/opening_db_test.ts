/** What is said, refused and never shown when a store on Redis is opened. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { createClient, createCluster } from "@redis/client";
import { increment, record, refused } from "../../../store/conformance/cases.ts";
import { openStore } from "../../../store/mod.ts";
import { RedisStore } from "../../../store/redis/mod.ts";
import { freePort } from "../../support/databases/free_port.ts";
import { RedisServer, type RedisSettings } from "../../support/databases/redis.ts";
import { forEver, refusedAtOnce } from "../../support/store/stores.ts";
import { selfSigned } from "../../support/self_signed.ts";
import { tempFolder } from "../../support/temp_folder.ts";
import { until } from "../../support/until.ts";

/** The warnings of an open. */
async function warningsOf(url: string): Promise<string[]> {
  const warnings: string[] = [];
  const warn = (text: string) => void warnings.push(text);
  await using _store = await openStore(url, { namespace: "test", warn });
  return warnings;
}

/** The message with which an open is refused; it may hold no secret, nor may its causes. */
async function refusal(url: string, timeoutMs = 60_000): Promise<string> {
  const warn = (text: string) => assert(false, text);
  const open = () => openStore(url, { namespace: "test", timeoutMs, warn });
  const error = await open().then(() => assert(false, "it was opened"), (error) => error);
  assertEquals(error.code, "unavailable", error.message);
  assert(!/s3cret|alice/.test(Deno.inspect(error, { depth: 10 })), Deno.inspect(error));
  return error.message;
}

const LOSES: [says: RegExp | undefined, settings: RedisSettings][] = [
  [undefined, {}],
  [/last two seconds of writes \(appendfsync always\)/, { appendfsync: "everysec" }],
  [/last half minute of writes/, { appendfsync: "no" }],
  [/without an append-only file, a restart loses/, { appendonly: "no" }],
  [/it does not say/, { "rename-command": "CONFIG nobody-knows" }],
];
for (const [says, settings] of LOSES) {
  const shown = JSON.stringify(settings);
  Deno.test(`openStore() of a Redis with ${shown} ${says ? "warns once" : "warns of nothing"}`, async () => {
    await using server = await RedisServer.start(settings);
    const warnings = await warningsOf(server.url());
    assertEquals(warnings.length, says === undefined ? 0 : 1);
    if (says !== undefined) assertMatch(warnings[0]!, says);
  });
}

Deno.test("openStore() refuses a Redis that evicts any key, unless the URL allows it", async () => {
  const evicting = { maxmemory: "100mb", "maxmemory-policy": "allkeys-lru" };
  await using server = await RedisServer.start(evicting);
  assertMatch(await refusal(server.url()), /evicts sessions .*allkeys-lru.*\?evicting=allow/);
  const [warning] = await warningsOf(server.url({ query: "?evicting=allow" }));
  assertMatch(warning!, /sessions are evicted when its memory is full/);
  // Nothing in the store has a time to live, and without a maximum nothing is evicted.
  await server.command("CONFIG", "SET", "maxmemory-policy", "volatile-lru");
  assertEquals(await warningsOf(server.url()), []);
  await server.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru", "maxmemory", "0");
  assertEquals(await warningsOf(server.url()), []);
});

Deno.test("openStore() refuses a replica, and warns of the failovers of a primary that has one", async () => {
  await using primary = await RedisServer.start();
  await using replica = await RedisServer.start({ replicaof: `127.0.0.1 ${primary.port}` });
  assertMatch(await refusal(replica.url()), /it is a replica, which takes no writes/);
  await primary.command("WAIT", "1", "60000");
  assertMatch((await warningsOf(primary.url()))[0]!, /after a failover/);
});

Deno.test("openStore() says in bounded time and plain words why no Redis can be reached", async () => {
  const port = freePort();
  const login = "alice:s3cret@";
  assertMatch(
    await refusal(`redis://${login}127.0.0.1:${port}`),
    /127\.0\.0\.1:\d+: nothing listens/,
  );
  assertMatch(
    await refusal(`redis://${login}nobody.invalid`),
    /nobody\.invalid:6379: its host has/,
  );
  await using server = await RedisServer.start();
  const overTls = `rediss://${login}127.0.0.1:${server.port}`;
  assertMatch(await refusal(overTls, 500), /did not answer over TLS within 0\.5 seconds/);
  server.suspend();
  assertMatch(await refusal(server.url(), 300), /did not answer within 0\.3 seconds/);
  server.goOn();
});

Deno.test("openStore() says that a Redis refuses the user or password, and shows neither", async () => {
  await using server = await RedisServer.start({ requirepass: "s3cret/ä" });
  const login = `:${encodeURIComponent("s3cret/ä")}@`;
  assertEquals(await warningsOf(server.url({ login })), []);
  assertMatch(await refusal(server.url()), /refuses the user or password/);
  assertMatch(await refusal(server.url({ login: ":s3cret2@" })), /refuses the user or password/);
  assertMatch(
    await refusal(server.url({ login: "alice:s3cret@" })),
    /refuses the user or password/,
  );
});

Deno.test("openStore() needs scripts, and says if the user may not run them", async () => {
  await using server = await RedisServer.start();
  const acl = (...rules: string[]) =>
    server.command("ACL", "SETUSER", "alice", "reset", "on", ">s3cret", ...rules);
  const login = "alice:s3cret@";
  const remedy = /give it ~mcp-sessions:\* .*\(ACL SETUSER; docs\/stores\.md\)$/;
  const lacking: [lacks: RegExp, rules: string[]][] = [
    [/lacks \+eval: /, ["~mcp-sessions:*", "+@read", "+@write", "+info", "+client"]],
    [/lacks \+evalsha: /, ["~mcp-sessions:*", "+@read", "+@write", "+eval"]],
    [
      /lacks \+hset \+hincrby \+hdel: /,
      ["~mcp-sessions:*", "+eval", "+evalsha", "+@read"]
        .concat(["+@sortedset", "+unlink", "+copy"]),
    ],
    [/lacks a right: /, ["~others:*", "+@all"]],
  ];
  for (const [lacks, rules] of lacking) {
    await acl(...rules);
    const message = await refusal(server.url({ login }));
    assertMatch(message, lacks);
    assertMatch(message, remedy);
  }
  // What docs/stores.md names.
  await acl("~mcp-sessions:*", "+eval", "+evalsha", "+@hash", "+@sortedset", "+unlink", "+copy");
  const warnings: string[] = [];
  const warn = (text: string) => void warnings.push(text);
  await using store = await openStore(server.url({ login }), { namespace: "test", warn });
  await store.create(record("a", forEver));
  await store.fork("a", record("b", forEver));
  await increment(store, "a");
  assertEquals((await store.list({ owner: null, limit: 5 })).length, 2);
  assertEquals(await store.delete("a"), true);
  assertMatch(warnings[0]!, /INFO is forbidden/);
  await server.command("ACL", "SETUSER", "alice", "-zadd");
  assertMatch(await refusedAtOnce(() => store.create(record("c", forEver))), remedy);
  await server.command("ACL", "SETUSER", "alice", "-evalsha");
  assertMatch(await refusedAtOnce(() => store.get("b")), remedy);
  await server.command("ACL", "SETUSER", "alice", "+zadd", "+evalsha");
  assertEquals((await increment(store, "b"))?.value, 1);
  await server.command("ACL", "SETUSER", "alice", ">other", "<s3cret");
  await server.command("CLIENT", "KILL", "TYPE", "normal").catch(() => {});
  const isRefused = async () => /refuses the user/.test(await store.get("b").then(String, String));
  await until(isRefused, (is) => is);
  assertMatch(await refusedAtOnce(() => store.get("b")), /refuses the user or password/);
});

Deno.test("openStore() refuses a node of a cluster by its URL, unless it has the store's keys", async () => {
  await using server = await RedisServer.start({ "cluster-enabled": "yes" });
  const remedy =
    /a node of a cluster, which no URL can name: give createCluster\(\) .*docs\/stores\.md/;
  assertMatch(await refusal(server.url()), remedy);
  await server.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
  const up = () => server.command("GET", "x").catch(String);
  await until(up, (said) => said === null);
  const store = await openStore(server.url(), { namespace: "test" });
  const slot = await server.command("CLUSTER", "KEYSLOT", "mcp-sessions:{test}:counters");
  await server.command("CONFIG", "SET", "cluster-require-full-coverage", "no");
  await server.command("CLUSTER", "DELSLOTS", `${slot}`);
  assertMatch(await refusal(server.url()), remedy);
  await store.close();
});

Deno.test("openStore() waits for a Redis that has too many clients", async () => {
  await using server = await RedisServer.start({ maxclients: "1", requirepass: "s3cret" });
  const url = server.url({ login: ":s3cret@" });
  const client = createClient({ url, disableOfflineQueue: true });
  client.on("error", () => {});
  try {
    await client.connect();
    assertMatch(await refusal(url, 300), /as many clients as it takes/);
  } finally {
    client.destroy();
  }
  await (await openStore(url, { namespace: "test", timeoutMs: 60_000 })).close();
});

Deno.test("openStore() waits for a Redis that loads its data", async () => {
  await using server = await RedisServer.start({
    appendonly: "no",
    save: "3600 1",
    "enable-debug-command": "yes",
    "key-load-delay": "1000",
    "loading-process-events-interval-bytes": "1024",
  });
  await server.command("DEBUG", "POPULATE", "2000");
  await server.command("SAVE");
  await server.kill();
  const restarting = server.restart();
  await until(() => server.command("PING").catch(String), (said) => /LOADING/.test(String(said)));
  assertMatch(await refusal(server.url(), 200), /still loads its data|did not answer/);
  const store = await openStore(server.url(), { namespace: "test", timeoutMs: 60_000, warn() {} });
  await store.close();
  await restarting;
});

Deno.test("openStore() takes a database's number, and namespaces of any signs", async () => {
  await using server = await RedisServer.start();
  for (const namespace of ["a}{b:c", "ä🦕 %", "{"]) {
    const url = server.url({ query: "/3" });
    await using store = await openStore(url, { namespace });
    await using other = await openStore(server.url(), { namespace });
    await store.create(record("a", forEver));
    assertEquals((await store.get("a"))?.id, "a");
    assertEquals(await other.get("a"), undefined);
  }
  assertMatch(await refusal(server.url({ query: "/99" })), /DB index is out of range/);
});

Deno.test("RedisStore: no key has a time to live, and all are in one slot", async () => {
  await using server = await RedisServer.start();
  await using store = await RedisStore.open(server.url(), { namespace: "a}{b" });
  await store.create(record("a", { ...forEver, owner: "me}", alias: "{x}" }));
  await increment(store, "a");
  const keys = await server.command("KEYS", "*") as string[];
  assert(keys.length > 5);
  const slots = new Set<unknown>();
  for (const key of keys) {
    assertEquals(await server.command("PTTL", key), -1);
    slots.add(await server.command("CLUSTER", "KEYSLOT", key).catch(() => key.split(":")[1]));
  }
  assertEquals(slots.size, 1);
});

Deno.test("RedisStore: takes an open client, which it leaves open unless told otherwise", async () => {
  await using server = await RedisServer.start();
  const client = createClient({ url: server.url() });
  await client.connect();
  {
    await using store = new RedisStore(client, { namespace: "test" });
    await store.create(record("a", forEver));
  }
  assertEquals(await client.ping(), "PONG");
  {
    await using store = new RedisStore(client, { namespace: "test", closesClient: true });
    assertEquals((await increment(store, "a"))?.value, 1);
  }
  assertEquals(client.isOpen, false);
});

Deno.test("RedisStore: with a client that was closed it is unavailable, in plain words", async () => {
  await using server = await RedisServer.start();
  const client = createClient({ url: server.url() });
  await client.connect();
  await using store = new RedisStore(client, { namespace: "test", timeoutMs: 200 });
  client.destroy();
  assertMatch(await refused("unavailable", () => store.get("a")), /no connection/);
});

Deno.test("RedisStore: in a cluster it takes a client of createCluster()", async () => {
  await using server = await RedisServer.start({ "cluster-enabled": "yes" });
  await server.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
  const cluster = createCluster({ rootNodes: [{ url: server.url() }] });
  await cluster.connect();
  await using store = new RedisStore(cluster, { namespace: "te}st", closesClient: true });
  await store.create(record("a", { ...forEver, owner: "me", alias: "x" }));
  assertEquals((await increment(store, "a"))?.value, 1);
  assertEquals((await store.fork("a", record("b", forEver)))?.id, "b");
  assertEquals((await store.list({ owner: "me", limit: 5 })).length, 1);
});

/** What a process says that opens a store with these permissions alone. */
async function saidWith(permissions: string[], url: string): Promise<string> {
  const mod = new URL("../../../store/mod.ts", import.meta.url).href;
  const program = `
    import { openStore } from ${JSON.stringify(mod)};
    const warn = () => {};
    const store = await openStore(${JSON.stringify(url)}, { namespace: "test", warn });
    console.log(await store.get("a"));
    await store.close();
  `;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-check", "--config", "deno.json", ...permissions]
      .concat(`data:text/javascript,${encodeURIComponent(program)}`),
    cwd: new URL("../../..", import.meta.url),
  }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

Deno.test("openStore() of Redis needs no permission but its address's", async () => {
  await using server = await RedisServer.start();
  const address = `127.0.0.1:${server.port}`;
  assertEquals(await saidWith([`--allow-net=${address}`], server.url()), "undefined\n");
  assertMatch(await saidWith([], server.url()), new RegExp(`--allow-net`));
});

Deno.test("openStore() over TLS refuses an unknown authority, and takes one that Deno is told of", async () => {
  await using folder = await tempFolder();
  const { key, cert } = await selfSigned(folder.path);
  const port = freePort();
  await using _server = await RedisServer.start({
    "tls-port": `${port}`,
    "tls-cert-file": cert,
    "tls-key-file": key,
    "tls-auth-clients": "no",
  });
  assertMatch(
    await refusal(`rediss://alice:s3cret@localhost:${port}`),
    /certificate is of an authority that is not known: name that by DENO_CERT=ca\.pem/,
  );
  assertMatch(await refusal(`redis://localhost:${port}`, 1000), /closed the connection/);
  const allowed = [`--allow-net=localhost:${port}`, `--cert=${cert}`];
  assertEquals(await saidWith(allowed, `rediss://localhost:${port}`), "undefined\n");
});
