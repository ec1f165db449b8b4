/** The MCP project's conformance suite as a program, and the results of its checks. */

import { join } from "node:path";
import { output } from "../support/output.ts";
import { tempFolder } from "../support/temp_folder.ts";

const SUITE = "npm:@modelcontextprotocol/conformance@0.2.0-alpha.12";

// All scenarios for servers of protocol versions up to 2025-11-25, which the SDK and our transports
// speak. Left out: 2026-07-28, which has no `initialize`, extensions, clients, authorization servers.
const PART = ["--suite", "all", "--spec-version", "2025-11-25"];

/** Number of those scenarios. */
export const SCENARIOS = 33;

// All scenarios together take two seconds.
const SCENARIO_TIMEOUT_MS = 10_000;
const TIMEOUT_MS = 120_000;

/** A check of a scenario, as the suite writes it. */
export interface Check {
  readonly id: string;
  readonly status: "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED" | "INFO";
  readonly errorMessage?: string;
  /** Subject; some checks of tools show the result here. */
  readonly details?: { readonly result?: { readonly _meta?: Readonly<Record<string, unknown>> } };
}

/** Checks of a run, by scenario; `undefined` for a scenario that broke off. */
export type Run = ReadonlyMap<string, readonly Check[] | undefined>;

/** Runs every scenario on a server. */
export async function runSuite(url: string | URL): Promise<Run> {
  await using folder = await tempFolder();
  const { stdout, stderr } = await output(Deno.execPath(), {
    // The suite's packages are no part of this project, nor of its lockfile.
    args: ["run", "-A", "--no-config", "--no-lock", SUITE, "server", ...PART]
      .concat(
        "--timeout",
        `${SCENARIO_TIMEOUT_MS}`,
        "--output-dir",
        folder.path,
        "--url",
        `${url}`,
      ),
    env: { NO_COLOR: "1" },
    stdin: "null",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const run = await readRun(folder.path);
  if (run.size === SCENARIOS) return run;
  throw new Error(
    `Cannot use a run of the suite as scenarios are missing: ${run.size} of ${SCENARIOS} ran\n` +
      stdout + stderr,
  );
}

/** Reads the folders that the suite makes, one a scenario: `server-<scenario>-<time>`. */
async function readRun(folder: string): Promise<Run> {
  const run = new Map<string, readonly Check[] | undefined>();
  for await (const { name } of Deno.readDir(folder)) {
    const scenario = /^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/.exec(name)?.[1] ?? name;
    run.set(scenario, await readChecks(join(folder, name, "checks.json")));
  }
  return run;
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
 * Failures as `scenario:check`, with the reason. Unlike the suite, this counts skipped checks and
 * scenarios that have checked nothing.
 */
export function failuresOf(run: Run): Map<string, string> {
  const failures = new Map<string, string>();
  for (const [scenario, checks] of run) {
    for (const { id, status, errorMessage = "" } of checks ?? []) {
      if (status === "SUCCESS" || status === "INFO") continue;
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
export function faultsOf(run: Run, baseline: Readonly<Record<string, string>>): string[] {
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
  return [...new Set([...run.keys(), ...other.keys()])]
    .filter((scenario) => verdicts(run.get(scenario)) !== verdicts(other.get(scenario)))
    .sort();
}

function verdicts(checks: readonly Check[] | undefined): string | undefined {
  const told = checks?.filter(({ status }) => status !== "INFO");
  return told?.map(({ id, status }) => `${id} ${status}`).sort().join("\n");
}
