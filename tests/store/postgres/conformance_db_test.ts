import { openStore } from "../../../store/mod.ts";
import { startPostgres } from "../../support/databases/postgres.ts";
import { testSessionStore } from "../../../store/conformance/mod.ts";

const server = await startPostgres();
const databases = new Map<string, Promise<string>>();

testSessionStore("PostgresStore", async ({ folder, ...options }) => {
  const database = await databases.getOrInsertComputed(folder, () => server.makeDatabase());
  return await openStore(server.url(database), options);
});

Deno.test.afterAll(() => server[Symbol.asyncDispose]());
