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
import { running, type ServerName, SERVERS, startServer } from "./demo/demo_server.ts";
import { CLAIMS, type Proof } from "./demo/proofs.ts";
import { ProofContext } from "./demo/proof_context.ts";
import { ProofFailed, Reporter } from "./demo/reporter.ts";
import type { RunResult } from "./demo/summary_table.ts";
import { messageOf } from "../runtime/errors.ts";
import { stopSignal } from "../runtime/stop_signal.ts";
import { within } from "../runtime/time_limit.ts";
import { Client } from "./sdk.ts";

/** The names that the servers give themselves. */
const SERVER_INFO: ReadonlyMap<string, ServerName> = new Map([
  ["experimental-mcp-sessions", "session"],
  ["session-required", "session_required"],
  ["notebook", "notebook"],
  ["hashcheck", "hashcheck"],
]);

/** A reporter to stdout: plain with NO_COLOR, or where `styleText` finds no color. */
function reporterTo({ verbose }: Settings): Reporter {
  const color = !Deno.env.get("NO_COLOR") && styleText("bold", "x") !== "x";
  const encoder = new TextEncoder();
  const write = (text: string) => {
    try {
      Deno.stdout.writeSync(encoder.encode(text));
    } catch {
      // The terminal is gone, as SIGHUP will say.
    }
  };
  const columns = () => Deno.consoleSize().columns;
  const terminal = color && Deno.stdout.isTerminal() ? { write, columns } : undefined;
  return new Reporter({ line: (text) => console.log(text), color, terminal, verbose });
}

/** The server that answers at `url`; `undefined` if it is none of the project's. */
async function serverAt(url: string): Promise<ServerName | undefined> {
  const client = new Client({ name: "demo", version: "1.0.0" });
  await client.connect(running(url).connect());
  const name = client.getServerVersion()?.name ?? "";
  await client.close();
  return SERVER_INFO.get(name);
}

/** The running server for the proofs: at `--url`, or by its name at the default URL. */
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
  const found = await within(1_000, serverAt(DEFAULT_URL).catch(() => undefined));
  return found === server ? { server, url: DEFAULT_URL } : undefined;
}

async function run(
  proof: Proof,
  server: ServerName,
  over: string,
  url: string | undefined,
  reporter: Reporter,
): Promise<RunResult["outcome"]> {
  await using leftovers = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "mcp-sessions-demo-" });
  leftovers.defer(() => Deno.remove(folder, { recursive: true }));
  interrupted = () => leftovers.disposeAsync();
  reporter.run(over, server);
  const notRun = reporter.notRunCount;
  try {
    if (url !== undefined && over !== "http") {
      reporter.notRun("not run, as it takes servers that the demo starts and kills itself");
      return "not run";
    }
    const context = leftovers.use(
      new ProofContext(reporter, async ({ transport, flags = [] }) => {
        if (url !== undefined) return running(url);
        const plain = over === "stdio" ? "stdio" : "http";
        const store = `file:${folder}/sessions.jsonl`;
        return await startServer(server, transport ?? plain, store, flags);
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

/** Ends what the running proof has started, when a signal stops the demo. */
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
  for (const [index, claim] of CLAIMS.entries()) {
    if (server !== undefined && claim.server !== server) continue;
    reporter.claim(`${index + 1}. ${claim.title}`, claim.why);
    for (const proof of claim.proofs) {
      for (const over of [proof.over ?? ["stdio", "http"]].flat()) {
        if (transport !== undefined && over.replace("stateful ", "") !== transport) continue;
        const began = performance.now();
        const outcome = await run(proof, claim.server, over, external?.url, reporter);
        await stopping;
        const ms = performance.now() - began;
        results.push({ shows: `${index + 1}. ${proof.shows}`, over, outcome, ms });
      }
    }
  }
  reporter.summary(results);
  Deno.exit(results.some(({ outcome }) => outcome === "failed") ? 1 : 0);
}
