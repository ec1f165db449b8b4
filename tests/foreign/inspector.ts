/**
 * The MCP Inspector's command line, as programs to run: version 2, and version 1, which has the
 * SDK's first generation in it and shows the codes of errors.
 */

import { delimiter, dirname } from "node:path";
import { installNpmPackages, type NpmPackages } from "./npm_packages.ts";

export const INSPECTORS = ["Inspector 1", "Inspector 2"] as const;
export type InspectorName = (typeof INSPECTORS)[number];

const PACKAGES: Readonly<Record<InspectorName, readonly [name: string, spec: string]>> = {
  "Inspector 1": ["inspector-1", "npm:@modelcontextprotocol/inspector@1.0.3"],
  "Inspector 2": ["inspector-2", "npm:@modelcontextprotocol/inspector@2.12.0"],
};

// Far above what a run takes; one that hangs must not take the suite with it.
const TIMEOUT_MS = 60_000;

/** How a run of the Inspector ended. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The installed Inspectors. */
export class Inspectors {
  readonly #packages: NpmPackages;

  private constructor(packages: NpmPackages) {
    this.#packages = packages;
  }

  static async install(): Promise<Inspectors> {
    return new Inspectors(await installNpmPackages(Object.fromEntries(Object.values(PACKAGES))));
  }

  /** Runs one; what it and a server that it starts keep goes to the folder `home`. */
  async run(name: InspectorName, args: readonly string[], home: string): Promise<Outcome> {
    const { node } = this.#packages;
    const script = await this.#packages.command(PACKAGES[name][0], "mcp-inspector");
    const { code, stdout, stderr } = await new Deno.Command(node, {
      args: [script, "--cli", ...args],
      // Whatever the machine's owner has set up for the Inspector must not change what it does.
      clearEnv: true,
      env: {
        HOME: home,
        PATH: [dirname(node), Deno.env.get("PATH")].join(delimiter),
        NO_COLOR: "1",
      },
      stdin: "null",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).output();
    const text = new TextDecoder();
    return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
  }
}
