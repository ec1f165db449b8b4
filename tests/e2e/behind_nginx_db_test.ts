/** README's servers behind nginx, as they stand there but for ports: on a Redis, and on a PostgreSQL. */

import { assertEquals, assertMatch } from "@std/assert";
import { blockWith, ROOT } from "../house/pages.ts";
import { startPostgres } from "../support/databases/postgres.ts";
import { freePort } from "../support/databases/free_port.ts";
import { killedInTurn } from "../support/proxies/killed_in_turn.ts";
import { Nginx } from "../support/proxies/nginx.ts";
import { Running } from "../support/proxies/running.ts";
import { post } from "../support/servers/wire.ts";
import { tempFolder } from "../support/temp_folder.ts";

const COMMANDS = blockWith("README.md", "redis-server --appendonly").trim().split("\n");
const CONFIG = blockWith("README.md", "upstream notebook");
const POSTGRES_URL = /`--store (postgres:\S+)`/.exec(
  await Deno.readTextFile(`${ROOT}/README.md`),
)?.[1];

/** README's servers and proxy with this store, while each server is killed in turn. */
async function goesOn(storeUrl: string): Promise<void> {
  await using folder = await tempFolder();
  const [proxyPort, ...ports] = [freePort(), freePort(), freePort()];
  const withPorts = (text: string) =>
    text.replaceAll(":9000", `:${proxyPort}`)
      .replaceAll(/\b9001\b/g, `${ports[0]}`).replaceAll(/\b9002\b/g, `${ports[1]}`);
  await killedInTurn({
    serve(index) {
      const command = withPorts(COMMANDS[index + 1]!).replace("redis://127.0.0.1", storeUrl);
      return new Running(command, ROOT, folder.path).says(/^notebook listening on /);
    },
    proxy: () => Nginx.start(withPorts(CONFIG), proxyPort!),
    post: (message) => post(`http://127.0.0.1:${proxyPort}/mcp`, message),
    servers: ports.map((port) => `127.0.0.1:${port}`),
  });
}

Deno.test("README: two servers behind nginx on one Redis lose nothing while each is killed", async () => {
  assertEquals(COMMANDS.length, 3);
  await using folder = await tempFolder();
  const port = freePort();
  const command = `${COMMANDS[0]} --port ${port} --bind 127.0.0.1`;
  await using _ = await new Running(command, folder.path, folder.path)
    .says(/Ready to accept connections/)
    .catch((cause) => {
      throw new Error(
        "Cannot start redis-server: is it installed? (Debian: apt-get install redis-server)",
        { cause },
      );
    });
  await goesOn(`redis://127.0.0.1:${port}`);
});

Deno.test("README: two servers behind nginx on one PostgreSQL lose nothing while each is killed", async () => {
  assertMatch(POSTGRES_URL ?? "", /^postgres:\/\/USER:PASSWORD@HOST\/NAME$/);
  await using postgres = await startPostgres();
  await postgres.query("CREATE ROLE ann LOGIN PASSWORD 'a secret'");
  await postgres.query("CREATE DATABASE notebooks OWNER ann");
  const parts = {
    USER: "ann",
    PASSWORD: "a%20secret",
    HOST: `127.0.0.1:${postgres.port}`,
    NAME: "notebooks",
  };
  await goesOn(POSTGRES_URL!.replaceAll(/[A-Z]+/g, (part) => Object(parts)[part]));
});
