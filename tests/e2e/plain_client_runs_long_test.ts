/** The SDK's client without a session layer, in runs that share a store alone. */

import { assert } from "@std/assert";
import { fileURLToPath } from "node:url";
import { denoDir } from "../support/deno_dir.ts";
import { testSeparateRuns } from "../support/servers/separate_runs.ts";
import { CLEAN_ENV } from "../support/environment.ts";
import { output } from "../support/output.ts";

const CLIENT = fileURLToPath(new URL("../fixtures/client/plain_client.ts", import.meta.url));
const DENO_DIR = await denoDir();

testSeparateRuns("Client", async (reach, call, home) => {
  const { success, stdout, stderr } = await output(Deno.execPath(), {
    args: ["run", "-A", CLIENT, JSON.stringify({ reach, call })],
    env: { ...CLEAN_ENV, HOME: home, XDG_STATE_HOME: `${home}/state`, DENO_DIR },
  });
  assert(success, stderr);
  return JSON.parse(stdout).result;
});
