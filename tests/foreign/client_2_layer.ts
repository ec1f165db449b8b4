/**
 * The SDK's second-generation client with this project's session layer: keeps a hash, has its server
 * killed, and verifies the hash. Arguments: the package, which an import by name would put into
 * `deno.lock`, and the run.
 */

import { lines } from "../support/lines.ts";
import { sendOnce, withSession } from "../../client/mod.ts";

/** The input of a run. */
export interface LayerJob {
  /** The way by which the client finds out the era; `prior` knows it from an earlier connection. */
  readonly mode: "legacy" | "auto" | "pin" | "prior";
  /** The server's URL, or its command line. */
  readonly server: string | readonly string[];
}

/** The output of a run. */
export interface LayerReport {
  readonly match: unknown;
  readonly told: readonly string[];
  readonly version: string | undefined;
  /** The methods that were sent on each connection. */
  readonly sent: readonly (readonly string[])[];
  readonly hasNewTransport: boolean;
  readonly errors: readonly string[];
}

const MODES = {
  legacy: "legacy",
  auto: "auto",
  pin: { pin: "2026-07-28" },
  prior: "auto",
} as const;

async function main(specifier: string, { mode, server }: LayerJob): Promise<void> {
  const [{ Client, StreamableHTTPClientTransport }, { StdioClientTransport }] = await Promise.all([
    import(specifier),
    import(`${specifier}/stdio`),
  ]);
  const open = () => {
    if (typeof server === "string") {
      return new StreamableHTTPClientTransport(new URL(server), { fetch: sendOnce });
    }
    const [command, ...args] = server;
    return new StdioClientTransport({ command, args, env: Deno.env.toObject() });
  };
  const newClient = () =>
    new Client({ name: "second", version: "1" }, { versionNegotiation: { mode: MODES[mode] } });
  const connectOptions: { prior?: object } = {};
  if (mode === "prior") {
    const earlier = newClient();
    await earlier.connect(open());
    connectOptions.prior = { kind: "modern", discover: earlier.getDiscoverResult() };
    await earlier.close();
  }

  const told: string[] = [];
  const errors: string[] = [];
  const sent: string[][] = [];
  let last: Killable = {};
  const connect = () => {
    const transport = open();
    last = transport;
    const methods: string[] = [];
    sent.push(methods);
    const send = transport.send.bind(transport);
    transport.send = (message: { method: string }, options: object) => {
      methods.push(message.method);
      return send(message, options);
    };
    return transport;
  };
  const transport = withSession(connect, { onsession: ({ type }) => told.push(type) });
  const client = newClient();
  client.onerror = (error: Error) => errors.push(error.message);
  await client.connect(transport, connectOptions);
  const text = { key: "k", text: "t" };
  await client.callTool({ name: "hashcheck_store", arguments: text });
  const before = transport.sessionId;
  console.log("stored");
  const orders = lines(Deno.stdin.readable);
  if (last.pid !== undefined) await killed(last, last.pid);
  await orders.next();
  const { structuredContent } = await client.callTool({
    name: "hashcheck_verify",
    arguments: text,
  });
  const report: LayerReport = {
    match: structuredContent?.match,
    told,
    version: client.getNegotiatedProtocolVersion(),
    sent,
    hasNewTransport: before !== undefined && transport.sessionId !== before,
    errors,
  };
  await client.close();
  console.log(JSON.stringify(report));
}

interface Killable {
  readonly pid?: number;
  onclose?: () => void;
}

/** Kills the process of a stdio transport, and waits until the layer has noticed. */
async function killed(transport: Killable, pid: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { onclose } = transport;
  transport.onclose = () => {
    onclose?.();
    resolve();
  };
  Deno.kill(pid, "SIGKILL");
  await promise;
}

if (import.meta.main) await main(Deno.args[0] ?? "", JSON.parse(Deno.args[1] ?? ""));
