import { admin } from "../../../../store/admin.ts";
import type { Io } from "../../../../store/admin/report.ts";
import { sample } from "../samples.ts";

/** Runs a command. @returns Its exit status, its output and its errors. */
export async function run(...args: string[]) {
  return await runWith({}, ...args);
}

/** The same with somebody at the terminal, or with an environment. */
export async function runWith(io: Partial<Io>, ...args: string[]) {
  const said: string[] = [];
  const wrong: string[] = [];
  const status = await admin(args, {
    log: (text) => said.push(text),
    error: (text) => wrong.push(text),
    env: new Map(),
    ...io,
  });
  return { status, said: said.join("\n"), wrong: wrong.join("\n") };
}

/** The lines of a sample, each with its newline. */
export async function sampleLines(path: string): Promise<string[]> {
  const { bytes } = await sample(path, { isCompacted: true });
  return new TextDecoder().decode(bytes).match(/.*\n/g)!;
}
