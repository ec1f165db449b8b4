/**
 * The processes that this one has started, none of which it leaves behind.
 *
 * @module
 */

import { messageOf } from "../../runtime/errors.ts";
import { within } from "../../runtime/time_limit.ts";

/** How long a process may take to end once its input has ended, in milliseconds. */
const INPUT_ENDED_MS = 2000;
/** How long it may take after SIGTERM, before SIGKILL. */
const TERMINATED_MS = 1000;

const running = new Set<Deno.ChildProcess>();
let isEnding = false;

/**
 * Starts a process, which ends with this one at the latest, however that ends; SIGKILL excepted.
 *
 * @throws {Error} If it cannot be started, or all are being ended.
 */
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

/** Ends a process whose input has ended: if it does not by itself, by SIGTERM, then by SIGKILL. */
export async function endProcess(process: Deno.ChildProcess): Promise<void> {
  if (!await endsWithin(process, INPUT_ENDED_MS)) await terminate(process);
}

/** Ends all processes as {@linkcode endProcess} does. */
export async function endAll(): Promise<void> {
  await Promise.all([...running].map(endProcess));
}

/** Ends all processes, and lets no other start: SIGTERM at once, SIGKILL a second later. */
export async function terminateAll(): Promise<void> {
  isEnding = true;
  await Promise.all([...running].map(terminate));
}

async function terminate(process: Deno.ChildProcess): Promise<void> {
  signal(process, "SIGTERM");
  if (await endsWithin(process, TERMINATED_MS)) return;
  signal(process, "SIGKILL");
  await process.status;
}

async function endsWithin(process: Deno.ChildProcess, ms: number): Promise<boolean> {
  return await within(ms, process.status) !== undefined;
}

function signal(process: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    process.kill(signal);
  } catch {
    // It has ended already.
  }
}

/** Ends all processes as this one ends; an uncaught error ends it without "unload". */
function watchOwnEnd(): void {
  for (const end of ["unload", "error", "unhandledrejection"]) {
    // The same listener is added once only.
    globalThis.addEventListener(end, killAll);
  }
}

function killAll(): void {
  for (const process of running) signal(process, "SIGKILL");
}
