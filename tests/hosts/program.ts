/**
 * What the programs around frameworks have in common: they read prompts from stdin, a line each, and
 * answer each with a line on stdout.
 *
 * @module
 */

import { createRequire } from "node:module";
import process from "node:process";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import type { Reach } from "../support/servers/separate_runs.ts";

/** What a program is told. */
export interface Job {
  readonly modelUrl: string;
  readonly server: Reach;
  /** The environment of a server that is a command. */
  readonly env: Readonly<Record<string, string>>;
  readonly flags: readonly string[];
  /** How long to wait for a server. */
  readonly hungMs: number;
}

/** A line that a program reads. */
export interface Prompt {
  readonly prompt: string;
  /** The conversation so far. */
  readonly messages: readonly unknown[];
}

/** A line that a program writes. */
export interface Reply {
  readonly text: string;
  readonly messages: readonly unknown[];
}

const [folder = "", job = ""] = process.argv.slice(2);

/** What the program was told. */
export const JOB: Job = JSON.parse(job);

const { resolve } = createRequire(`${folder}/package.json`);

/**
 * Imports from where the packages are installed. An import by name would put them into `deno.lock`,
 * and so onto the machine of everybody who starts a server.
 */
export function load(specifier: string) {
  return import(pathToFileURL(resolve(specifier)).href);
}

/** Answers prompts until stdin ends. */
export async function answerPrompts(answer: (prompt: Prompt) => Promise<Reply>): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await answer(JSON.parse(line))));
  }
}
