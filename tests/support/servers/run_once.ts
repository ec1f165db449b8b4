/**
 * One run of an SDK client of any generation: connects, lists the tools, calls one, reports as a line
 * of JSON on stdout, and ends.
 */

import process from "node:process";
import type { WireResult } from "./server.ts";
import type { Reach, ToolCall } from "./separate_runs.ts";

/** The parts of the SDK that both generations have. */
export interface Sdk {
  readonly Client: new (info: { name: string; version: string }, options: object) => SdkClient;
  readonly StdioClientTransport: new (server: {
    command: string;
    args: string[];
    env: Record<string, string>;
  }) => object;
  readonly StreamableHTTPClientTransport: new (url: URL, options: object) => object;
}

/** The parts of a client that both generations have. */
export interface SdkClient {
  connect(transport: object): Promise<void>;
  getServerVersion(): { name: string } | undefined;
  /** Of the second generation only. */
  getNegotiatedProtocolVersion?(): string | undefined;
  listTools(): Promise<{ tools: { name: string }[] }>;
  callTool(params: object): Promise<object>;
  close(): Promise<void>;
}

/** The input of a run. */
export interface Job {
  readonly reach: Reach;
  readonly call: ToolCall;
}

/** The output of a run. */
export interface Report {
  readonly server: string | undefined;
  /** The version of MCP, if the client tells. */
  readonly version?: string;
  readonly tools: readonly string[];
  readonly result: WireResult;
}

/** Runs a job with a client of these options. */
export async function runOnce(sdk: Sdk, job: string, options: object = {}): Promise<void> {
  const { reach, call }: Job = JSON.parse(job);
  const client = new sdk.Client({ name: "plain", version: "1" }, options);
  await client.connect(transportTo(sdk, reach));
  const { tools } = await client.listTools();
  const { name, args = {}, meta } = call;
  const result = await client.callTool({ name, arguments: args, ...(meta && { _meta: meta }) });
  const report = {
    server: client.getServerVersion()?.name,
    version: client.getNegotiatedProtocolVersion?.(),
    tools: tools.map(({ name }) => name),
    result,
  };
  await client.close();
  console.log(JSON.stringify(report));
}

/** The SDK's transport to a server. */
export function transportTo(sdk: Sdk, reach: Reach): object {
  if (reach.kind === "url") {
    const { url, headers } = reach;
    return new sdk.StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
  }
  const [command = "", ...args] = reach.command;
  const env = Object.fromEntries(
    Object.entries(process.env).map(([name, value]) => [name, value ?? ""]),
  );
  return new sdk.StdioClientTransport({ command, args, env });
}
