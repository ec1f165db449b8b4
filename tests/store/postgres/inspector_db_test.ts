import { testStoreInspector } from "../../../store/conformance/mod.ts";
import { openInspector, openStore } from "../../../store/mod.ts";
import { startPostgres } from "../../support/databases/postgres.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server[Symbol.asyncDispose]());

const databases = new Map<string, Promise<string>>();
const urlOf = async (folder: string) =>
  server.url(await databases.getOrInsertComputed(folder, () => server.makeDatabase()));

testStoreInspector('openInspector("postgres:…")', {
  open: async ({ folder, ...options }) => await openStore(await urlOf(folder), options),
  inspect: async ({ folder, now }) => await openInspector(await urlOf(folder), { now }),
});
