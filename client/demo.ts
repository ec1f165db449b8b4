/**
 * The demo: proves what the project claims, with real clients and real server processes.
 *
 *     deno task demo
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { styleText } from "node:util";
import { requireDeno } from "../runtime/deno_version.ts";
import {
  type DemoServer,
  overHttp,
  overStdio,
  running,
  type ServerName,
  SERVERS,
  type StartOptions,
} from "./demo/demo_server.ts";
import { CLAIMS, type Proof } from "./demo/proofs.ts";
import { ProofContext, type ServerOptions, type TransportName } from "./demo/proof_context.ts";
import { ProofFailed, Reporter } from "./demo/reporter.ts";
import type { RunResult } from "./demo/summary_table.ts";
import { messageOf } from "../runtime/errors.ts";
import { stopSignal } from "../runtime/stop_signal.ts";

const DEFAULT_URL = "http://127.0.0.1:8765/mcp";

const HELP = `Proves what MCP sessions v2 claims, with real clients and real server processes.

Usage: deno task demo [flags]

  --server NAME       only the proofs of one server: ${SERVERS.join(", ")}
  --transport NAME    only over stdio, or only over http
  --url URL           against a server that is already running; it is not restarted. With
                      --server and --transport http, a server of that name that listens on
                      ${DEFAULT_URL} is taken by itself
  --verbose           each cookie as JSON, the whole session after each step, whole commands
  --help              show this

The exit status is 0 if every proof that was run holds, 1 if one fails, 2 for a wrong flag.`;

/** The names that the servers give themselves. */
const SERVER_INFO: Readonly<Record<string, ServerName>> = {
  "experimental-mcp-sessions": "session",
  "session-required": "session_required",
  "notebook": "notebook",
  "hashcheck": "hashcheck",
};

interface Settings {
  readonly server: ServerName | undefined;
  readonly transport: TransportName | undefined;
  readonly url: string | undefined;
  readonly verbose: boolean;
}

function settings(args: readonly string[]): Settings {
  const flags = parseArgs([...args], {
    string: ["server", "transport", "url"],
    boolean: ["help", "verbose"],
    alias: { help: "h" },
    unknown: (arg) => usageError(`Unknown argument ${JSON.stringify(arg)}: --help lists the flags`),
  });
  // What stands behind "--" reaches no other check.
  if (flags._.length > 0) usageError(`Unknown argument ${JSON.stringify(flags._.join(" "))}`);
  if (flags.help) {
    console.log(HELP);
    Deno.exit(0);
  }
  const server = SERVERS.find((name) => name === flags.server);
  if (flags.server !== undefined && server === undefined) {
    usageError(`--server takes ${SERVERS.join(", ")}, not "${flags.server}"`);
  }
  const transport = (["stdio", "http"] as const).find((name) => name === flags.transport);
  if (flags.transport !== undefined && transport === undefined) {
    usageError(`--transport takes stdio or http, not "${flags.transport}"`);
  }
  if (flags.url !== undefined && !/^https?:$/.test(URL.parse(flags.url)?.protocol ?? "")) {
    usageError(`--url takes the URL of an MCP endpoint, such as ${DEFAULT_URL}`);
  }
  if (flags.url !== undefined && transport === "stdio") {
    usageError("--url goes with --transport http");
  }
  return { server, transport, url: flags.url, verbose: flags.verbose };
}

function usageError(message: string): never {
  console.error(`demo: ${message}`);
  Deno.exit(2);
}

/** A reporter to stdout: plain with NO_COLOR, or where `styleText` finds no color. */
function reporterTo({ verbose }: Settings): Reporter {
  const color = !Deno.env.get("NO_COLOR") && styleText("bold", "x") !== "x";
  const encoder = new TextEncoder();
  return new Reporter({
    line: (text) => console.log(text),
    color,
    terminal: color && Deno.stdout.isTerminal()
      ? {
        write: (text) => {
          try {
            Deno.stdout.writeSync(encoder.encode(text));
          } catch {
            // The terminal is gone, as SIGHUP will say.
          }
        },
        columns: () => Deno.consoleSize().columns,
      }
      : undefined,
    verbose,
  });
}

/** Which of the servers answers at `url`; `undefined` if nothing does, or something else. */
async function serverAt(url: string): Promise<ServerName | undefined> {
  const reporter = new Reporter({
    line: () => {},
    color: false,
    terminal: undefined,
    verbose: false,
  });
  await using context = new ProofContext({ reporter, start: () => Promise.resolve(running(url)) });
  const { serverName } = await context.connect(await context.start());
  return SERVER_INFO[serverName ?? ""];
}

/** The running server that the proofs are to be shown with, if there is one. */
async function findRunning({ server, transport, url }: Settings) {
  if (url !== undefined) {
    const found = await serverAt(url).catch((error: unknown) => {
      usageError(`No MCP server answers at ${url}: ${messageOf(error)}`);
    });
    if (found === undefined) usageError(`The server at ${url} is none of ${SERVERS.join(", ")}`);
    if (server !== undefined && server !== found) {
      usageError(`The server at ${url} is ${found}, not ${server}`);
    }
    return { server: found, url };
  }
  if (server === undefined || transport !== "http") return undefined;
  const answers = await fetch(DEFAULT_URL, { signal: AbortSignal.timeout(1_000) })
    .then((response) => response.body?.cancel().then(() => true), () => false);
  if (!answers) return undefined;
  const found = await serverAt(DEFAULT_URL).catch(() => undefined);
  return found === server ? { server, url: DEFAULT_URL } : undefined;
}

async function start(
  proof: Proof,
  over: string,
  options: ServerOptions,
  store: string,
): Promise<DemoServer> {
  const transport = options.transport ?? over;
  const startOptions: StartOptions = { store, flags: options.flags ?? [] };
  return transport === "stdio"
    ? overStdio(proof.server, startOptions)
    : await overHttp(proof.server, startOptions);
}

/** Runs a proof over a transport. */
async function run(
  proof: Proof,
  over: string,
  url: string | undefined,
  reporter: Reporter,
): Promise<RunResult["outcome"]> {
  await using leftovers = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "mcp-sessions-demo-" });
  leftovers.defer(() => Deno.remove(folder, { recursive: true }));
  interrupted = () => leftovers.disposeAsync();
  reporter.run(over, proof.server);
  const notRun = reporter.notRunCount;
  try {
    if (url !== undefined && over !== "http") {
      reporter.notRun("not run, as it takes servers that the demo starts and kills itself");
      return "not run";
    }
    const context = leftovers.use(
      new ProofContext({
        reporter,
        start: (options) =>
          url === undefined
            ? start(proof, over, options, `file:${folder}/sessions.jsonl`)
            : Promise.resolve(running(url)),
      }),
    );
    await proof.prove(context);
    return reporter.notRunCount > notRun ? "in part" : "holds";
  } catch (error) {
    await stopping;
    if (!(error instanceof ProofFailed)) reporter.error(messageOf(error));
    return "failed";
  }
}

/** Ends what the running proof has started, when somebody stops the demo. */
let interrupted: () => Promise<void> = () => Promise.resolve();
/** Set once the demo is being stopped: nothing goes on after that. */
let stopping: Promise<never> | undefined;

if (import.meta.main) {
  requireDeno("demo");
  const chosen = settings(Deno.args);
  const reporter = reporterTo(chosen);
  void stopSignal().then((status) => {
    reporter.clearProgress();
    stopping = interrupted().finally(() => Deno.exit(status)).then(() => new Promise(() => {}));
  });
  const external = await findRunning(chosen);
  const server = external?.server ?? chosen.server;
  const transport = external === undefined ? chosen.transport : "http";
  const results: RunResult[] = [];
  reporter.intro();
  for (const [index, { title, why, proofs }] of CLAIMS.entries()) {
    const runs = proofs.filter((proof) => server === undefined || proof.server === server)
      .flatMap((proof) => proof.over.map((over) => ({ proof, over })))
      .filter(({ over }) => transport === undefined || over.replace("stateful ", "") === transport);
    if (runs.length > 0) reporter.claim(`${index + 1}. ${title}`, why);
    for (const { proof, over } of runs) {
      const began = performance.now();
      const outcome = await run(proof, over, external?.url, reporter);
      await stopping;
      const ms = performance.now() - began;
      results.push({ shows: `${index + 1}. ${proof.shows}`, over, outcome, ms });
    }
  }
  reporter.summary(results);
  Deno.exit(results.some(({ outcome }) => outcome === "failed") ? 1 : 0);
}
