/**
 * Deno: whether this is it, and new enough; else Node or Bun, whose system is told in Deno's terms.
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

/** Why this runtime cannot run the project's programs and file stores, in one line, if it cannot. */
export function denoFault(): string | undefined {
  if (!isDeno) {
    return "this needs Deno, as nothing else locks files: elsewhere, keep sessions in a store such as " +
      "sqlite:PATH, and cookies in a MemoryJar or a jar of your own";
  }
  // The newest function that stores and jars need. A version number would refuse what works.
  if ("tryLockSync" in Deno.FsFile.prototype) return undefined;
  return `this needs Deno 2.9 or later and runs in Deno ${Deno.version.deno}: run ` +
    "`deno upgrade`, or put `npx -y deno@latest` in place of `deno`";
}

/** Ends the process with that line and exit status 1, before anything else can fail for it. */
export function requireDeno(program: string): void {
  const fault = denoFault();
  if (fault === undefined) return;
  console.error(`${program}: ${fault}`);
  Deno.exit(1);
}
