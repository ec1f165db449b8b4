/**
 * The demo: proves what the project claims, with real clients and real server processes.
 *
 *     deno task demo
 *
 * @module
 */

import { styleText } from "node:util";
import { requireDeno } from "../runtime/deno_version.ts";
import { endForUsage, readCommandLine, UsageError } from "../runtime/flags.ts";
import { DEFAULT_URL, DEMO, type Settings, settingsOf } from "./demo/flags.ts";
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
import { ProofContext, type ServerOptions } from "./demo/proof_context.ts";
import { ProofFailed, Reporter } from "./demo/reporter.ts";
import type { RunResult } from "./demo/summary_table.ts";
import { messageOf } from "../runtime/errors.ts";
import { stopSignal } from "../runtime/stop_signal.ts";

/** The names that the servers give themselves. */
const SERVER_INFO: Readonly<Record<string, ServerName>> = {
  "experimental-mcp-sessions": "session",
  "session-required": "session_required",
  "notebook": "notebook",
  "hashcheck": "hashcheck",
};

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
async function findRunning({ server, transport, url: asked }: Settings) {
  if (asked !== undefined) {
    const url = asked.href;
    const found = await serverAt(url).catch((error: unknown) => {
      throw new UsageError(`No MCP server answers at ${url}: ${messageOf(error)}`);
    });
    if (found === undefined) {
      throw new UsageError(`The server at ${url} is none of ${SERVERS.join(", ")}`);
    }
    if (server !== undefined && server !== found) {
      throw new UsageError(`The server at ${url} is ${found}, not ${server}`);
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
  const chosen = readCommandLine(DEMO, settingsOf);
  const reporter = reporterTo(chosen);
  void stopSignal().then((status) => {
    reporter.clearProgress();
    stopping = interrupted().finally(() => Deno.exit(status)).then(() => new Promise(() => {}));
  });
  const external = await findRunning(chosen).catch((error) => endForUsage(DEMO, error));
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
