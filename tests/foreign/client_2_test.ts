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
import { type ServerName, SERVERS, type TransportName } from "../support/servers/server.ts";
import { isModernExchange, modernFaults, tapped } from "./wire_tap.ts";
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

/** Ways in which the client finds the version of MCP. */
const MODES = { legacy: "legacy", automatic: "auto", pinned: { pin: "2026-07-28" } };
type Mode = keyof typeof MODES;

function run(mode: Mode, ...[reach, call, home]: Parameters<RunClient>) {
  const job = JSON.stringify({ reach, call });
  return output(packages.node, {
    args: [SCRIPT, packages.folder("client-2"), JSON.stringify(MODES[mode]), job],
    env: { ...CLEAN_ENV, HOME: home, XDG_STATE_HOME: `${home}/state`, DENO_DIR },
  });
}

/** Runs the client; returns all that it has seen. Nothing on the wire may be wrong. */
async function report(mode: Mode, ...[reach, ...rest]: Parameters<RunClient>): Promise<Report> {
  const [{ success, stdout, stderr }, exchanges] = await tapped(
    reach,
    (reach) => run(mode, reach, ...rest),
  );
  assert(success, stderr);
  assertEquals(modernFaults(exchanges), []);
  const report: Report = JSON.parse(stdout);
  const isModern = report.version === "2026-07-28";
  // An automatic client asks for the newest version first, whatever it speaks then.
  assertEquals(exchanges.some(isModernExchange), isModern || mode === "automatic");
  return report;
}

/** A client of this mode, which has to find this version. */
const client = (mode: Mode, version: string): RunClient => async (...args) => {
  const { version: found, result } = await report(mode, ...args);
  assertEquals(found, version);
  return result;
};

testSeparateRuns("Client 2", client("automatic", "2026-07-28"));

Deno.test("Client 2: asks for the newest protocol first", async () => {
  const methods: unknown[] = [];
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (it) => {
    methods.push((await it.json()).method);
    return new Response(null, { status: 500 });
  });
  const url = `http://127.0.0.1:${server.addr.port}/mcp`;
  const reach = { kind: "url", url, headers: {} } as const;
  const { success } = await run("automatic", reach, { name: "echo" }, "");
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

/** Ways to serve, with the servers' flags. */
const SERVINGS: readonly (readonly [name: string, transport: TransportName, flags: string[]])[] = [
  ["stdio", "stdio", []],
  ["HTTP", "http", []],
  ["stateful HTTP", "http", ["--stateful"]],
];

for (const { name: how, begin } of [BY_HANDLE, BRIDGED_BY_NAME]) {
  for (const mode of ["automatic", "pinned"] as const) {
    for (const [serving, transport, flags] of SERVINGS) {
      Deno.test(`Client 2, ${mode}: uses every server, its session found ${how} (${serving})`, async () => {
        for (const server of SERVERS) {
          const { name, tools, steps } = SERVED[server];
          const run: RunClient = async (...run) => {
            const seen = await report(mode, ...run);
            assertEquals([seen.server, seen.version], [name, "2026-07-28"]);
            assertEquals(seen.tools, [...OWN[how] ?? [], ...tools]);
            return seen.result;
          };
          await using place = await Place.create(server, transport, run, flags);
          const calls = await begin(place, "one");
          for (const [tool, args, member, value] of steps) {
            assertEquals((await calls(tool, args)).structuredContent[member], value, server);
          }
        }
      });
    }
  }
}

for (const [serving, transport, flags] of SERVINGS) {
  Deno.test(`Client 2, automatic: falls back where a server speaks the legacy era alone (${serving})`, async () => {
    const run = client("automatic", "2025-11-25");
    await using place = await Place.create("hashcheck", transport, run, [
      ...flags,
      "--era",
      "legacy",
    ]);
    const calls = await BY_HANDLE.begin(place, "one");
    await calls("hashcheck_store", { key: "k", text: "v" });
    const { structuredContent } = await calls("hashcheck_verify", { key: "k", text: "v" });
    assertEquals(structuredContent.match, true);
  });

  Deno.test(`Client 2: goes on in the other era, and back, at another process (${serving})`, async () => {
    const eras = [
      client("legacy", "2025-11-25"),
      client("pinned", "2026-07-28"),
      client("legacy", "2025-11-25"),
      client("automatic", "2026-07-28"),
    ];
    let runs = 0;
    const inTurn: RunClient = async (...run) => {
      const next = eras[runs++ % eras.length];
      assert(next);
      return await next(...run);
    };
    await using place = await Place.create("notebook", transport, inTurn, flags);
    const calls = await BY_HANDLE.begin(place, "one");
    for (let number = 1; number <= 4; number++) {
      const { structuredContent } = await calls("notebook_append", { text: `note ${number}` });
      assertEquals(structuredContent.note_number, number);
    }
  });

  Deno.test(`Client 2: speaks each era where a server speaks that alone (${serving})`, async () => {
    for (
      const [mode, era, connects] of [
        ["pinned", "modern", true],
        ["automatic", "modern", true],
        ["legacy", "modern", false],
        ["legacy", "legacy", true],
        ["pinned", "legacy", false],
      ] as const
    ) {
      const connected: boolean[] = [];
      const one: RunClient = async (...args) => {
        const { success, stdout, stderr } = await run(mode, ...args);
        connected.push(success);
        assert(success, stderr);
        return JSON.parse(stdout).result;
      };
      await using place = await Place.create("session", transport, one, [...flags, "--era", era]);
      await place.run({ name: "session_probe" }).catch(() => {});
      assertEquals(connected, [connects], `${mode} client, ${era} server`);
    }
  });
}
