/**
 * The system that the code runs on: Deno, or Node and Bun, in Deno's terms.
 *
 * @module
 */

import process from "node:process";

/** The environment's variables, and the operating system by the name that Deno has for it. */
export interface System {
  readonly env: { get(name: string): string | undefined };
  readonly os: string;
}

/** Whether this is Deno. */
export const isDeno: boolean = "Deno" in globalThis;

/** The system of this process. */
export function system(): System {
  if (isDeno) return { env: Deno.env, os: Deno.build.os };
  const os = process.platform === "win32" ? "windows" : process.platform;
  return { env: { get: (name) => process.env[name] }, os };
}
