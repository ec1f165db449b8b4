/** The MCP project's conformance suite as a program, and the results of its checks. */

import { join } from "node:path";
import { output } from "../../support/output.ts";
import { type ServerName, startServer } from "../../support/servers/server.ts";
import { tempFolder } from "../../support/temp_folder.ts";
import type { Baseline } from "./baseline.ts";

const SUITE = "npm:@modelcontextprotocol/conformance@0.2.0-alpha.12";

/** A part of the suite. */
interface Part {
  readonly args: readonly string[];
  /** Number of its scenarios. */
  readonly scenarios: number;
}

/** Parts of the suite, by the version of MCP whose clients they are. */
const PARTS = {
  /** All scenarios for servers of the versions that begin with `initialize`. */
  "2025-11-25": { args: ["--suite", "all", "--spec-version", "2025-11-25"], scenarios: 33 },
  /** The 37 scenarios that the version requires, and three that the suite has yet to require. */
  "2026-07-28": { args: ["--requirements", "2026-07-28"], scenarios: 40 },
} satisfies Record<string, Part>;

/** A version of MCP that the suite has a part for. */
export type Version = keyof typeof PARTS;

/** Scenarios of an extension that no server here has. The suite runs them too, and scores none. */
const OTHER_EXTENSION = /^tasks-/;

// All scenarios together take ten seconds.
const SCENARIO_TIMEOUT_MS = 10_000;
const TIMEOUT_MS = 120_000;

/** A check of a scenario, as the suite writes it. */
export interface Check {
  readonly id: string;
  readonly status: "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED" | "INFO";
  readonly errorMessage?: string;
  /** Subject; some checks of tools show the result here. */
  readonly details?: {
    readonly result?: { readonly _meta?: Readonly<Record<string, unknown>> };
    /** Whether the server gave the check nothing to look at. */
    readonly untestable?: boolean;
  };
}

/** A run of a part of the suite on a server. */
export interface Run {
  /** Checks by scenario; `undefined` for a scenario that broke off. */
  readonly checks: ReadonlyMap<string, readonly Check[] | undefined>;
  /** The suite's own verdict, by its exit status. */
  readonly hasPassed: boolean;
}

/** A server to run the suite on. */
export interface Served {
  readonly server: ServerName | URL;
  readonly flags?: string[];
  readonly path?: string;
}

/** The program of a fixture. */
export const fixture = (name: string) =>
  new URL(`../../fixtures/conformance/${name}.ts`, import.meta.url);

/** Starts a server and runs every scenario for a version on it. */
export async function runOn(
  version: Version,
  { server, flags = [], path = "" }: Served,
): Promise<Run> {
  await using process = await startServer({ server, transport: "http", flags });
  return await runSuite(new URL(path, process.url), version);
}

async function runSuite(url: URL, version: Version): Promise<Run> {
  const part: Part = PARTS[version];
  await using folder = await tempFolder();
  const { success, stdout, stderr } = await output(Deno.execPath(), {
    // The suite's packages are no part of this project, nor of its lockfile.
    args: ["run", "-A", "--no-config", "--no-lock", SUITE, "server", ...part.args]
      .concat(
        "--timeout",
        `${SCENARIO_TIMEOUT_MS}`,
        "--output-dir",
        folder.path,
        "--url",
        url.href,
      ),
    env: { NO_COLOR: "1" },
    stdin: "null",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const checks = await readRun(folder.path);
  if (checks.size === part.scenarios) return { checks, hasPassed: success };
  throw new Error(
    `Cannot use a run of the suite as its scenarios are others: ${checks.size} ran instead of ` +
      `${part.scenarios}\n${stdout}${stderr}`,
  );
}

/** Reads the folders that the suite makes, one a scenario: `server-<scenario>-<time>`. */
async function readRun(folder: string): Promise<Run["checks"]> {
  const checks = new Map<string, readonly Check[] | undefined>();
  for await (const { name } of Deno.readDir(folder)) {
    const scenario = /^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/.exec(name)?.[1] ?? name;
    if (OTHER_EXTENSION.test(scenario)) continue;
    checks.set(scenario, await readChecks(join(folder, name, "checks.json")));
  }
  return checks;
}

async function readChecks(file: string): Promise<readonly Check[] | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(file));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/**
 * Failures as `scenario:check`, with the reason. Unlike the suite, this counts warnings, skipped checks,
 * checks that had nothing to look at, and scenarios that have checked nothing.
 */
function failuresOf(run: Run): Map<string, string> {
  const failures = new Map<string, string>();
  for (const [scenario, checks] of run.checks) {
    for (const { id, status, errorMessage = "", details } of checks ?? []) {
      const isGood = status === "SUCCESS" || status === "INFO";
      if (isGood && details?.untestable !== true) continue;
      failures.set(`${scenario}:${id}`, `${status} ${errorMessage}`);
    }
    if (checks === undefined) {
      failures.set(`${scenario}:broken-off`, "the suite could not run it to its end");
    } else if (checks.every(isBeside)) {
      failures.set(`${scenario}:nothing-checked`, "it ended before its first check");
    }
  }
  return failures;
}

/** Whether a check is about the form of messages, not about the scenario. */
function isBeside({ id, status }: Check): boolean {
  return status === "INFO" || id === "wire-schema-valid";
}

/** Differences between a run's failures and the baseline, by `scenario:check`. */
export function faultsOf(run: Run, baseline: Baseline): string[] {
  const failures = failuresOf(run);
  const unexpected = [...failures].filter(([check]) => !Object.hasOwn(baseline, check));
  const stale = Object.keys(baseline).filter((check) => !failures.has(check));
  return [
    ...unexpected.map(([check, why]) => `${check} fails, which the baseline does not know: ${why}`),
    ...stale.map((check) => `${check} does not fail: remove it from the baseline`),
  ];
}

/** Scenarios in which two runs differ by a verdict. */
export function differing(run: Run, other: Run): string[] {
  return [...new Set([...run.checks.keys(), ...other.checks.keys()])]
    .filter((scenario) =>
      verdicts(run.checks.get(scenario)) !== verdicts(other.checks.get(scenario))
    )
    .sort();
}

/** Scenarios that failed. */
export function failedScenarios(run: Run): string[] {
  const names = [...failuresOf(run).keys()].map((check) => check.slice(0, check.indexOf(":")));
  return [...new Set(names)].sort();
}

function verdicts(checks: readonly Check[] | undefined): string | undefined {
  const told = checks?.filter(({ status }) => status !== "INFO");
  return told?.map(({ id, status }) => `${id} ${status}`).sort().join("\n");
}
