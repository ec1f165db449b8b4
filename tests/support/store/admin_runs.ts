import { admin } from "../../../store/admin.ts";
import { sample } from "./samples.ts";

/** Runs a command. @returns Its exit status, its output and its errors. */
export function run(...args: string[]) {
  const said: string[] = [];
  const wrong: string[] = [];
  const status = admin(args, { log: (text) => said.push(text), error: (text) => wrong.push(text) });
  return { status, said: said.join("\n"), wrong: wrong.join("\n") };
}

/** The lines of a sample, each with its newline. */
export async function sampleLines(path: string): Promise<string[]> {
  const { bytes } = await sample(path, { isCompacted: true });
  return new TextDecoder().decode(bytes).match(/.*\n/g)!;
}
