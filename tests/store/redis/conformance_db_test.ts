import { RedisStore } from "../../../store/redis/mod.ts";
import { testSessionStore } from "../../../store/conformance/mod.ts";
import { RedisServer } from "../../support/databases/redis.ts";

// One for all tests of the file, each of which has namespaces of its own.
const server = await RedisServer.start();
Deno.test.afterAll(() => server[Symbol.asyncDispose]());

testSessionStore("RedisStore", ({ folder, namespace, ...options }) => {
  // A folder of each test's own: its name ends in random characters.
  return RedisStore.open(server.url(), {
    namespace: `${folder.slice(-12)} ${namespace}`,
    ...options,
  });
});
