import { assertEquals } from "@std/assert";
import { RedisConnection } from "../../../store/redis/connection.ts";
import { RedisRows } from "../../../store/redis/redis_rows.ts";
import { openRedis } from "../../../store/redis/open_redis.ts";
import { redisPlace } from "../../../store/redis/url.ts";
import { RedisServer } from "../../support/databases/redis.ts";
import { testRows } from "../../support/store/rows_suite.ts";

// One for all tests of the file, each of which has namespaces of its own.
const server = await RedisServer.start();
Deno.test.afterAll(() => server[Symbol.asyncDispose]());
const timeoutMs = 10_000;
const place = redisPlace(server.url());

testRows("RedisRows", async ({ folder, namespace }) => {
  const client = await openRedis(place, { warn: console.warn, timeoutMs, unusedKey: "unused" });
  const connection = new RedisConnection(client, { timeoutMs, closesClient: true });
  return new RedisRows(connection, { namespace: `${folder} ${namespace}` });
});

Deno.test("RedisRows: a damaged part costs no other request of the same moment", async () => {
  const client = await openRedis(place, { warn: console.warn, timeoutMs, unusedKey: "unused" });
  const connection = new RedisConnection(client, { timeoutMs, closesClient: true });
  const rows = new RedisRows(connection, { namespace: "damaged" });
  await server.command("SET", "mcp-sessions:{damaged}:rows:bad", "no hash");
  await server.command("HSET", "mcp-sessions:{damaged}:rows:worse", "a", "no version");
  const set = (mark: string, part: string) =>
    rows.commit({ mark, checks: [[[part, "a"], null]], sets: [[[part, "a"], mark]] });
  const commits = await Promise.allSettled([set("1", "good"), set("2", "bad"), set("3", "fine")]);
  assertEquals(commits.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  const read = (part: string) => rows.read({ at: [[part, "a"]] });
  const reads = await Promise.allSettled(["good", "bad", "worse", "fine"].map(read));
  assertEquals(reads.map((read) => read.status === "rejected" ? read.reason.code : "read"), [
    "read",
    "corrupt",
    "corrupt",
    "read",
  ]);
  await rows.close();
});
