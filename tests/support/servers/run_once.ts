/**
 * A run of a client of the SDK's, whichever generation: it connects, looks around, calls a tool, and
 * ends. What it has seen is one line of JSON on stdout.
 *
 * @module
 */

import process from "node:process";
import type { WireResult } from "./server.ts";
import type { Reach, ToolCall } from "./separate_runs.ts";

/** What both generations have in common. */
export interface Sdk {
  readonly Client: new (info: { name: string; version: string }, options: object) => SdkClient;
  readonly StdioClientTransport: new (server: {
    command: string;
    args: string[];
    env: Record<string, string>;
  }) => object;
  readonly StreamableHTTPClientTransport: new (url: URL, options: object) => object;
}

interface SdkClient {
  connect(transport: object): Promise<void>;
  getServerVersion(): { name: string } | undefined;
  listTools(): Promise<{ tools: { name: string }[] }>;
  callTool(params: object): Promise<object>;
  close(): Promise<void>;
}

/** What a run is told. */
export interface Job {
  readonly reach: Reach;
  readonly call: ToolCall;
}

/** What a run has seen. */
export interface Report {
  readonly server: string | undefined;
  readonly tools: readonly string[];
  readonly result: WireResult;
}

/** Does what a job says, with the options that a client is made with. */
export async function runOnce(sdk: Sdk, job: string, options: object = {}): Promise<void> {
  const { reach, call }: Job = JSON.parse(job);
  const client = new sdk.Client({ name: "plain", version: "1" }, options);
  await client.connect(transportTo(sdk, reach));
  const { tools } = await client.listTools();
  const { name, args = {}, meta } = call;
  const result = await client.callTool({ name, arguments: args, ...(meta && { _meta: meta }) });
  const report = {
    server: client.getServerVersion()?.name,
    tools: tools.map(({ name }) => name),
    result,
  };
  await client.close();
  console.log(JSON.stringify(report));
}

function transportTo(sdk: Sdk, reach: Reach): object {
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
