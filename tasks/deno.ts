/**
 * Runs of Deno in the project's folder, for the tasks.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));
export const SERVERS = ["session", "session_required", "notebook", "hashcheck"];

/** Output of a run, without colors and backtraces. */
export interface Run {
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

export async function deno(args: readonly string[], input = "", env = {}): Promise<Run> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", RUST_BACKTRACE: "0", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  // An ended program reads nothing; its status tells.
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
  const { success, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  return { success, stdout: text.decode(stdout), stderr: text.decode(stderr).trim() };
}

/** Ends the task with one line on stderr, and status 1. */
export function stop(line: string): never {
  console.error(line);
  Deno.exit(1);
}
