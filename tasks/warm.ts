/**
 * Fills Deno's cache for the servers and the bridge: `deno task warm`. Without it, the first start by
 * a host downloads and compiles, and takes longer than some hosts wait.
 *
 * @module
 */
import { readNoFlags } from "../runtime/flags.ts";
import { deno, type Run, SERVERS, stop } from "./deno.ts";

readNoFlags(
  "warm",
  "Fills Deno's cache, so that a host's first start of a server or the bridge is quick.",
);

const PROGRAMS = SERVERS.map((name) => `servers/${name}.ts`);
const BRIDGE = "client/bridge.ts";
const INITIALIZE = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "warm", version: "1.0.0" },
  },
};

/** The error in one line, without the downloads that Deno lists first. */
function reason({ stderr }: Run): string {
  const lines = stderr.split("\n").filter((line) => !/^($|Download |Caused by)/.test(line));
  return lines.slice(0, 2).map((line) => line.replace(/^\s*(error: |\d+: )/, "")).join(": ");
}

console.log("Downloading and compiling what the servers and the bridge need");
const cached = await deno(["cache", ...PROGRAMS, BRIDGE]);
if (!cached.success) {
  stop(
    `Cannot fill Deno's cache: ${reason(cached)}. Run this again where npm packages can be ` +
      "downloaded (HTTPS_PROXY and .npmrc count)",
  );
}

const folder = await Deno.makeTempDir({ prefix: "mcp-sessions-warm-" });
try {
  const run = (program: string) => ["run", "-A", "--cached-only", program];
  const serve = (server: string) => [...run(server), "--store", `file:${folder}/sessions.jsonl`];
  const behind = [Deno.execPath(), ...serve("servers/notebook.ts")];
  const starts = PROGRAMS.map((server) => [server, serve(server)] as const);
  // Deno keeps compiled code only of programs that have run.
  for (const [program, args] of [...starts, [BRIDGE, [...run(BRIDGE), "--", ...behind]] as const]) {
    const env = { XDG_STATE_HOME: folder };
    const started = await deno(args, `${JSON.stringify(INITIALIZE)}\n`, env);
    if (!started.success || !started.stdout.includes('"serverInfo"')) {
      await Deno.remove(folder, { recursive: true });
      stop(`Cannot start ${program}: ${reason(started) || "it did not answer initialize"}`);
    }
    console.log(`Started ${program}, and it answered`);
  }
} finally {
  await Deno.remove(folder, { recursive: true }).catch(() => {});
}

const { denoDir } = JSON.parse((await deno(["info", "--json"])).stdout);
console.log(`Hosts that you start find all of it in ${denoDir}, from any folder`);
const variable = ["DENO_DIR", "XDG_CACHE_HOME"].find((name) => Deno.env.get(name));
if (variable !== undefined) {
  console.log(
    `A host that does not pass ${variable} on, such as Codex, looks elsewhere: name it in the ` +
      "host's configuration, or run this without it too",
  );
}
