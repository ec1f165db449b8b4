import { testStoreInspector } from "../../../store/conformance/mod.ts";
import { openInspector, openStore } from "../../../store/mod.ts";
import { RedisServer } from "../../support/databases/redis.ts";

const server = await RedisServer.start();
Deno.test.afterAll(() => server[Symbol.asyncDispose]());

// A database for each test: an inspector sees all servers in it.
const databases = new Map<string, string>();
const urlOf = (folder: string) =>
  databases.getOrInsertComputed(folder, () => `${server.url()}/${databases.size}`);

testStoreInspector('openInspector("redis:…")', {
  open: ({ folder, ...options }) => openStore(urlOf(folder), { ...options, warn: () => {} }),
  inspect: ({ folder, now }) => openInspector(urlOf(folder), { now }),
});
