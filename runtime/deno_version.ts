import { isDeno } from "./system.ts";

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
