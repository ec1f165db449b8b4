/**
 * Shared part of the programs around frameworks, which read a prompt a line from stdin and answer each
 * with a line on stdout.
 */

import { createRequire } from "node:module";
import process from "node:process";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import type { Reach } from "../support/servers/separate_runs.ts";

/** Job of a program. */
export interface Job {
  readonly modelUrl: string;
  readonly server: Reach;
  /** Environment of a server that is a command. */
  readonly env: Readonly<Record<string, string>>;
  readonly flags: readonly string[];
  /** Longest wait for a server. */
  readonly hungMs: number;
}

/** Line on stdin. */
export interface Prompt {
  readonly prompt: string;
  /** The conversation so far. */
  readonly messages: readonly unknown[];
}

/** Line on stdout. */
export interface Reply {
  readonly text: string;
  readonly messages: readonly unknown[];
}

const [folder = "", job = ""] = process.argv.slice(2);

/** This program's job. */
export const JOB: Job = JSON.parse(job);

const { resolve } = createRequire(`${folder}/package.json`);

/**
 * Imports from the installed packages. An import by name would put them into `deno.lock`, and so on every
 * user's machine.
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
