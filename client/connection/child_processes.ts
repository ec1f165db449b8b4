/**
 * Child processes, none of which outlives this process.
 *
 * @module
 */

import { messageOf } from "../../runtime/errors.ts";
import { within } from "../../runtime/time_limit.ts";

/** The time for a process to end after its input has, in milliseconds. */
const INPUT_ENDED_MS = 2000;
/** The time from SIGTERM to SIGKILL, in milliseconds. */
const TERMINATED_MS = 1000;

const running = new Set<Deno.ChildProcess>();
let isEnding = false;

/** Starts a process that ends with this one at the latest, unless SIGKILL ends this one. */
export function startProcess(command: string, options: Deno.CommandOptions): Deno.ChildProcess {
  if (isEnding) throw new Error(`Cannot start ${command} as this process is ending`);
  watchOwnEnd();
  let process: Deno.ChildProcess;
  try {
    process = new Deno.Command(command, options).spawn();
  } catch (cause) {
    throw new Error(`Cannot start ${command}: ${messageOf(cause)}`, { cause });
  }
  running.add(process);
  void process.status.finally(() => running.delete(process));
  return process;
}

/** Ends a process whose input has ended: by SIGTERM, then SIGKILL, if it does not end by itself. */
export async function endProcess(process: Deno.ChildProcess): Promise<void> {
  if (await within(INPUT_ENDED_MS, process.status) === undefined) await terminate(process);
}

export async function endAll(): Promise<void> {
  await Promise.all([...running].map(endProcess));
}

/** Ends every process by SIGTERM, then SIGKILL a second later; lets no other start. */
export async function terminateAll(): Promise<void> {
  isEnding = true;
  await Promise.all([...running].map(terminate));
}

async function terminate(process: Deno.ChildProcess): Promise<void> {
  signal(process, "SIGTERM");
  if (await within(TERMINATED_MS, process.status) !== undefined) return;
  signal(process, "SIGKILL");
  await process.status;
}

function signal(process: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    process.kill(signal);
  } catch {
    // The process has ended already.
  }
}

/** Kills every process when this one ends; an uncaught error ends it without "unload". */
function watchOwnEnd(): void {
  for (const end of ["unload", "error", "unhandledrejection"]) {
    // Adding the same listener again has no effect.
    globalThis.addEventListener(end, killAll);
  }
}

function killAll(): void {
  for (const process of running) signal(process, "SIGKILL");
}
