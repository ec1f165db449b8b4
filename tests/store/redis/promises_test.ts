import { assertEquals, assertMatch } from "@std/assert";
import { redisError } from "../../../store/redis/errors.ts";
import { NothingDoneError, RefusedError } from "../../../store/errors.ts";
import { StoreError } from "../../../store/mod.ts";
import { infoLines, promisesOf } from "../../../store/redis/promises.ts";

const INFO =
  "# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nrole:master\r\naof_enabled:1\r\n" +
  "maxmemory:0\r\nmaxmemory_policy:noeviction\r\nconnected_slaves:0\r\n";
const always = { appendfsync: "always" };

/** What a Redis promises whose INFO has other lines. */
function promises(lines: Record<string, string>, { allowsEvicting = false } = {}) {
  const info = infoLines(INFO + Object.entries(lines).map((line) => line.join(":")).join("\r\n"));
  return promisesOf({ info, ...always }, { allowsEvicting });
}

Deno.test("promisesOf() finds nothing to say of a Redis that fsyncs each write and evicts nothing", () => {
  assertEquals(promises({}), { losses: [] });
});

Deno.test("promisesOf() refuses what is too old, a replica, or evicts", () => {
  assertMatch(promises({ redis_version: "6.0.16" }).refusal ?? "", /older than 6\.2: 6\.0/);
  assertEquals(promises({ redis_version: "6.2.0" }).refusal, undefined);
  assertMatch(promises({ role: "slave" }).refusal ?? "", /replica/);
  const evicting = { maxmemory: "100", maxmemory_policy: "allkeys-lfu" };
  assertMatch(promises(evicting).refusal ?? "", /allkeys-lfu/);
  const allowed = promises(evicting, { allowsEvicting: true });
  assertEquals([allowed.refusal, allowed.losses.length], [undefined, 1]);
  assertEquals(promises({ ...evicting, maxmemory: "0" }), { losses: [] });
  assertEquals(promises({ ...evicting, maxmemory_policy: "volatile-lru" }), { losses: [] });
});

for (
  const [answer, code, kind] of [
    ["LOADING Redis is loading the dataset in memory", "locked", StoreError],
    ["BUSY Redis is busy running a script.", "locked", StoreError],
    ["TRYAGAIN Multiple keys request during rehashing of slot", "locked", StoreError],
    ["CLUSTERDOWN The cluster is down", "locked", StoreError],
    ["OOM command not allowed when used memory > 'maxmemory'.", "full", StoreError],
    ["@user_script: 1: -OOM command not allowed", "full", StoreError],
    ["WRONGTYPE Operation against a key holding the wrong kind of value", "corrupt", StoreError],
    ["READONLY You can't write against a read only replica.", "unavailable", RefusedError],
    [
      "MISCONF Errors writing to the AOF file: No space left on device",
      "unavailable",
      RefusedError,
    ],
    ["NOREPLICAS Not enough good replicas to write.", "unavailable", NothingDoneError],
    ["MOVED 866 10.0.0.1:6379", "unavailable", RefusedError],
    ["NOPERM this user has no permissions to run the 'zadd' command", "unavailable", RefusedError],
    ["ERR The user executing the script can't run this command", "unavailable", RefusedError],
    ["ERR max number of clients reached", "unavailable", StoreError],
    ["Socket closed unexpectedly", "unavailable", StoreError],
    ["connect ECONNREFUSED 127.0.0.1:6379", "unavailable", StoreError],
  ] as const
) {
  Deno.test(`redisError() of "${answer}" is ${code}`, () => {
    const error = redisError(new Error(answer));
    assertEquals(error.code, code);
    assertEquals(error.constructor, kind);
    assertMatch(error.message, /^Redis failed: \w/);
  });
}
