import { testProcesses } from "../../support/store/processes_suite.ts";
import { RedisServer } from "../../support/databases/redis.ts";

testProcesses("RedisStore", async (_, stack) => {
  const server = stack.use(await RedisServer.start());
  const kill = async () => {
    await server.kill();
    await server.restart();
  };
  const stop = async () => {
    server.suspend();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    server.goOn();
  };
  return {
    url: server.url(),
    faults: [{ name: "is killed", run: kill }, { name: "stops for a second", run: stop }],
  };
}, ["is killed", "stops for a second"]);
