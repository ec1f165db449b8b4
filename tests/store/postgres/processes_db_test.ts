import { testProcesses } from "../../support/store/processes_suite.ts";
import { startPostgres } from "../../support/databases/postgres.ts";

testProcesses("PostgresStore", async (_, stack) => {
  const server = stack.use(await startPostgres());
  const kill = async () => {
    await server.stop("kill");
    await server.start();
  };
  const stop = async () => {
    await server.pause();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    server.resume();
  };
  return {
    url: server.url(),
    faults: [{ name: "is killed", run: kill }, { name: "stops for a second", run: stop }],
  };
}, ["is killed", "stops for a second"]);
