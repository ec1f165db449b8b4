/**
 * The SDK's second-generation client, which asks for the newest protocol first, with every server,
 * directly and through the bridge.
 */

import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { denoDir } from "../support/deno_dir.ts";
import type { Report } from "../support/servers/run_once.ts";
import {
  BRIDGED_BY_NAME,
  BY_HANDLE,
  Place,
  type RunClient,
  testSeparateRuns,
} from "../support/servers/separate_runs.ts";
import { type ServerName, SERVERS, TRANSPORTS } from "../support/servers/server.ts";
import { CLEAN_ENV } from "../support/environment.ts";
import { installNpmPackages, type NpmPackages } from "../support/npm_packages.ts";
import { output } from "../support/output.ts";

const SCRIPT = fileURLToPath(new URL("./client_2.ts", import.meta.url));

let packages: NpmPackages;
let DENO_DIR: string;

Deno.test.beforeAll(async () => {
  packages = await installNpmPackages({ "client-2": "npm:@modelcontextprotocol/client@2.4.0" });
  DENO_DIR = await denoDir();
});

function run(...[reach, call, home]: Parameters<RunClient>) {
  return output(packages.node, {
    args: [SCRIPT, packages.folder("client-2"), JSON.stringify({ reach, call })],
    env: { ...CLEAN_ENV, HOME: home, XDG_STATE_HOME: `${home}/state`, DENO_DIR },
  });
}

/** Runs the client; returns all that it has seen. */
async function report(...args: Parameters<RunClient>): Promise<Report> {
  const { success, stdout, stderr } = await run(...args);
  assert(success, stderr);
  return JSON.parse(stdout);
}

testSeparateRuns("Client 2", async (...run) => (await report(...run)).result);

Deno.test("Client 2: asks for the newest protocol first", async () => {
  const methods: unknown[] = [];
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (it) => {
    methods.push((await it.json()).method);
    return new Response(null, { status: 500 });
  });
  const url = `http://127.0.0.1:${server.addr.port}/mcp`;
  const { success } = await run({ kind: "url", url, headers: {} }, { name: "echo" }, "");
  assertEquals([success, methods[0]], [false, "server/discover"]);
});

/** A call, and a member that its result must have. */
type Step = [tool: string, args: Record<string, string>, member: string, value: unknown];

const SERVED: Readonly<Record<ServerName, { name: string; tools: string[]; steps: Step[] }>> = {
  session: {
    name: "experimental-mcp-sessions",
    tools: ["session_probe"],
    steps: [["session_probe", {}, "calls", 1], ["session_probe", {}, "calls", 2]],
  },
  session_required: {
    name: "session-required",
    tools: ["echo", "whoami"],
    steps: [["whoami", {}, "tool_calls", 1], ["whoami", {}, "tool_calls", 2]],
  },
  notebook: {
    name: "notebook",
    tools: ["notebook_append", "notebook_read", "notebook_clear", "notebook_status"],
    steps: [
      ["notebook_append", { text: "milk" }, "note_number", 1],
      ["notebook_append", { text: "bread" }, "note_number", 2],
    ],
  },
  hashcheck: {
    name: "hashcheck",
    tools: ["hashcheck_store", "hashcheck_verify", "hashcheck_list", "hashcheck_delete"],
    steps: [
      ["hashcheck_store", { key: "k", text: "v" }, "action", "store"],
      ["hashcheck_verify", { key: "k", text: "v" }, "match", true],
    ],
  },
};

const OWN = { [BY_HANDLE.name]: ["session_create", "session_list", "session_end"] };

for (const { name: how, begin } of [BY_HANDLE, BRIDGED_BY_NAME]) {
  for (const transport of TRANSPORTS) {
    Deno.test(`Client 2: uses every server, its session found ${how} (${transport})`, async () => {
      for (const server of SERVERS) {
        const { name, tools, steps } = SERVED[server];
        const run: RunClient = async (...run) => {
          const seen = await report(...run);
          assertEquals(seen.server, name);
          assertEquals(seen.tools, [...OWN[how] ?? [], ...tools]);
          return seen.result;
        };
        await using place = await Place.create(server, transport, run);
        const calls = await begin(place, "one");
        for (const [tool, args, member, value] of steps) {
          assertEquals((await calls(tool, args)).structuredContent[member], value, server);
        }
      }
    });
  }
}
