/**
 * Fills Deno's cache for the servers and the bridge: `deno task warm`. Without it, the first start by
 * a host downloads and compiles, and takes longer than some hosts wait.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SERVERS = ["session", "session_required", "notebook", "hashcheck"]
  .map((name) => `servers/${name}.ts`);
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

interface Run {
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs Deno in the project's folder. */
async function deno(args: readonly string[], input = "", env = {}): Promise<Run> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", RUST_BACKTRACE: "0", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  // An ended program reads nothing; its status tells.
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
  const { success, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  return { success, stdout: text.decode(stdout), stderr: text.decode(stderr).trim() };
}

/** The error in one line, without the downloads that Deno lists first. */
function reason({ stderr }: Run): string {
  const lines = stderr.split("\n").filter((line) => !/^($|Download |Caused by)/.test(line));
  return lines.slice(0, 2).map((line) => line.replace(/^\s*(error: |\d+: )/, "")).join(": ");
}

function stop(line: string): never {
  console.error(line);
  Deno.exit(1);
}

console.log("Downloading and compiling what the servers and the bridge need");
const cached = await deno(["cache", ...SERVERS, BRIDGE]);
if (!cached.success) {
  stop(
    `Cannot fill Deno's cache: ${reason(cached)}. Run this again where npm packages can be ` +
      "downloaded (HTTPS_PROXY and .npmrc count)",
  );
}

const folder = await Deno.makeTempDir({ prefix: "mcp-sessions-warm-" });
try {
  const serve = (
    server: string,
  ) => ["run", "-A", "--cached-only", server, "--store", `file:${folder}/sessions.jsonl`];
  const behind = serve("servers/notebook.ts");
  const starts = [
    ...SERVERS.map((server) => ({ program: server, args: serve(server) })),
    {
      program: BRIDGE,
      args: ["run", "-A", "--cached-only", BRIDGE, "--", Deno.execPath(), ...behind],
    },
  ];
  // Deno keeps compiled code only of programs that have run.
  for (const { program, args } of starts) {
    const started = await deno(args, `${JSON.stringify(INITIALIZE)}\n`, {
      XDG_STATE_HOME: folder,
    });
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
