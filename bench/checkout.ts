/**
 * Another commit of this repository, checked out for the time of a bench.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));

/** A commit's files, in a folder of their own. */
export class Checkout implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws {Error} if the repository does not have the commit. */
  static async of(commit: string): Promise<Checkout> {
    const folder = await Deno.makeTempDir({ prefix: "mcp-sessions-bench-" });
    await git("worktree", "add", "--quiet", "--detach", folder, commit);
    return new Checkout(folder);
  }

  url(path: string): string {
    return pathToFileURL(join(this.#folder, path)).href;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await git("worktree", "remove", "--force", this.#folder);
  }
}

async function git(...args: readonly string[]): Promise<void> {
  const command = new Deno.Command("git", { args: [...args], cwd: here, stderr: "piped" });
  const { success, stderr } = await command.output();
  if (success) return;
  throw new Error(`git ${args.join(" ")} failed: ${new TextDecoder().decode(stderr).trim()}`);
}
