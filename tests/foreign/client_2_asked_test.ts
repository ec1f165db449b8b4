/**
 * Tools that ask the client, called by the SDK's second-generation client: the same tools in both eras,
 * by a request of the server or in rounds, which the client makes by itself.
 */

import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { CLEAN_ENV } from "../support/environment.ts";
import { installNpmPackages } from "../support/npm_packages.ts";
import { output } from "../support/output.ts";
import type { Reach } from "../support/servers/separate_runs.ts";
import { startServer } from "../support/servers/server.ts";
import { modernFaults, tapped } from "./wire_tap.ts";

const SCRIPT = fileURLToPath(new URL("./client_2_asked.ts", import.meta.url));
const SERVER = new URL("../fixtures/conformance/server.ts", import.meta.url);

/** What each tool shows of the client's answers, in the order in which it was asked. */
const SHOWN = {
  multi_round: {
    step1: { action: "accept", content: { name: "user 1" } },
    step2: { action: "accept", content: { name: "user 2" } },
  },
  multiple_inputs: {
    user_name: { action: "accept", content: { name: "user 1" } },
    greeting: { role: "assistant", model: "m", content: { type: "text", text: "hello" } },
    client_roots: { roots: [{ uri: "file:///root" }] },
  },
};

async function assertAsked(mode: unknown, reach: Reach): Promise<void> {
  const packages = await installNpmPackages({
    "client-2": "npm:@modelcontextprotocol/client@2.4.0",
  });
  for (const [name, shown] of Object.entries(SHOWN)) {
    const [{ success, stdout, stderr }, exchanges] = await tapped(reach, (reach) => {
      const tool = `test_input_required_result_${name}`;
      const args = [mode, reach].map((value) => JSON.stringify(value));
      return output(packages.node, {
        args: [SCRIPT, packages.folder("client-2"), ...args, tool],
        env: CLEAN_ENV,
      });
    });
    assert(success, stderr);
    const { content: [{ text }] } = JSON.parse(stdout);
    assertEquals(JSON.parse(text), shown);
    assertEquals(modernFaults(exchanges), []);
  }
}

const PINNED = { pin: "2026-07-28" };

for (const mode of ["legacy", PINNED] as const) {
  const era = mode === PINNED ? "modern" : "legacy";

  Deno.test(`Client 2: a ${era} client is asked by the tools that it calls (stdio)`, async () => {
    const script = fileURLToPath(SERVER);
    const command = [Deno.execPath(), "run", "-A", script, "--store", "memory:"];
    await assertAsked(mode, { kind: "command", command });
  });

  for (const flags of mode === PINNED ? [[], ["--stateful"]] : [["--stateful"]]) {
    const how = ["HTTP", ...flags].join(" ");

    Deno.test(`Client 2: a ${era} client is asked by the tools that it calls (${how})`, async () => {
      await using server = await startServer({ server: SERVER, transport: "http", flags });
      await assertAsked(mode, { kind: "url", url: server.url, headers: {} });
    });
  }
}
