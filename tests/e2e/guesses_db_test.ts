/** A flood of session ids that lead nowhere, against servers on real databases: nobody else notices. */

import { startPostgres } from "../support/databases/postgres.ts";
import { RedisServer } from "../support/databases/redis.ts";
import { checkGuesses } from "../support/servers/guesses.ts";

Deno.test("Redis: of twenty thousand guesses nobody else notices", async () => {
  await using redis = await RedisServer.start();
  await checkGuesses(redis.url(), 20_000);
});

Deno.test("PostgreSQL: of twenty thousand guesses nobody else notices", async () => {
  await using postgres = await startPostgres();
  await checkGuesses(postgres.url(), 20_000);
});
