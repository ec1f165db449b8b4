/**
 * The MCP Inspector's command line as programs: version 2, and version 1, which uses the SDK's first
 * generation and shows error codes.
 */

import { assert, assertEquals } from "@std/assert";
import { delimiter, dirname } from "node:path";
import { denoDir } from "../support/deno_dir.ts";
import { BRIDGE, type Reach, scriptOf, type ToolCall } from "../support/servers/separate_runs.ts";
import { SERVERS, type WireResult } from "../support/servers/server.ts";
import { installNpmPackages, type NpmPackages } from "../support/npm_packages.ts";
import { output } from "../support/output.ts";

export const INSPECTORS = ["Inspector 1", "Inspector 2"] as const;
export type InspectorName = (typeof INSPECTORS)[number];

const PACKAGES: Readonly<Record<InspectorName, readonly [name: string, spec: string]>> = {
  "Inspector 1": ["inspector-1", "npm:@modelcontextprotocol/inspector@1.0.3"],
  "Inspector 2": ["inspector-2", "npm:@modelcontextprotocol/inspector@2.12.0"],
};

// Far above the time of a run.
const TIMEOUT_MS = 60_000;

/** Outcome of a run. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Installed Inspectors. */
export class Inspectors {
  readonly #packages: NpmPackages;
  readonly #denoDir: string;

  private constructor(packages: NpmPackages, denoDir: string) {
    this.#packages = packages;
    this.#denoDir = denoDir;
  }

  static async install(): Promise<Inspectors> {
    const packages = await installNpmPackages(Object.fromEntries(Object.values(PACKAGES)));
    // Inspectors do not wait for a server that downloads something.
    const args = ["cache", ...SERVERS.map(scriptOf), BRIDGE];
    const { success, stderr } = await output(Deno.execPath(), { args });
    assert(success, stderr);
    return new Inspectors(packages, await denoDir());
  }

  /** Runs one on a server; its files, and those of a server that it starts, go to the folder `home`. */
  async run(
    name: InspectorName,
    reach: Reach,
    args: readonly string[],
    home: string,
  ): Promise<Outcome> {
    const { node } = this.#packages;
    const script = await this.#packages.command(PACKAGES[name][0], "mcp-inspector");
    return await output(node, {
      // With another home, Deno would not find its cache.
      args: [script, "--cli", "-e", `DENO_DIR=${this.#denoDir}`, ...argsFor(name, reach, args)],
      // The user's settings for the Inspector must not count.
      clearEnv: true,
      env: {
        HOME: home,
        PATH: [dirname(node), Deno.env.get("PATH")].join(delimiter),
        NO_COLOR: "1",
      },
      stdin: "null",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  }

  /** Has an Inspector call a tool; returns the result that it shows. */
  async call(
    name: InspectorName,
    reach: Reach,
    call: ToolCall,
    home: string,
  ): Promise<WireResult> {
    const { code, stdout, stderr } = await this.run(name, reach, callArgs(call), home);
    assertEquals(code, 0, stderr);
    return JSON.parse(stdout);
  }
}

/** Arguments that make an Inspector call a tool. */
export function callArgs({ name, args = {}, meta = {} }: ToolCall): string[] {
  const pairs = (flag: string, values: Readonly<Record<string, string>>) =>
    Object.entries(values).flatMap(([key, value]) => [flag, `${key}=${value}`]);
  return [
    "--method",
    "tools/call",
    "--tool-name",
    name,
    ...pairs("--tool-arg", args),
    ...pairs("--tool-metadata", meta),
  ];
}

function argsFor(name: InspectorName, reach: Reach, args: readonly string[]): string[] {
  if (reach.kind === "url") {
    const headers = Object.entries(reach.headers).map(([key, value]) => `${key}: ${value}`);
    const flags = headers.flatMap((header) => ["--header", header]);
    return [reach.url, "--transport", "http", ...flags, ...args];
  }
  const { command } = reach;
  const end = command.indexOf("--");
  if (end === -1) return [...command, ...args];
  // Version 2 passes on all that follows its own "--". Version 1 is two processes, and each removes the
  // first "--".
  return name === "Inspector 2"
    ? [...args, "--", ...command]
    : [...command.slice(0, end), ...args, "--", "--", ...command.slice(end)];
}
