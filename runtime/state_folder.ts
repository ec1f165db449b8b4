/**
 * Where a user's files are: the home folder, and the state of a user's programs.
 *
 * @module
 */

import { isAbsolute, join } from "node:path";

/** Where it is looked for, and what to say if it is not found. */
export interface StateFileOptions {
  /** The environment's variables. */
  readonly env: { get(name: string): string | undefined };
  /** The operating system. */
  readonly os: typeof Deno.build.os;
  /** What is to be chosen, as in "a store". */
  readonly what: string;
  /** What to do without one. */
  readonly remedy: string;
}

/**
 * The path of this project's file `name` in the folder of section 8 of the contract.
 *
 * @throws {TypeError} if the environment does not say where that is.
 */
export function stateFile(name: string, { env, os, what, remedy }: StateFileOptions): string {
  const variable = os === "windows" ? "LOCALAPPDATA" : "HOME";
  const xdg = env.get("XDG_STATE_HOME");
  // The specification of XDG_STATE_HOME says that a relative path is to be ignored.
  if (os !== "windows" && os !== "darwin" && xdg && isAbsolute(xdg)) {
    return join(xdg, "mcp-sessions", name);
  }
  const base = env.get(variable);
  if (!base) {
    throw new TypeError(
      `Cannot choose ${what} as the environment variable ${variable} is not set: ${remedy}`,
    );
  }
  return join(base, ...folders(os), "mcp-sessions", name);
}

/**
 * A path as people write it: `~/` at its beginning is the home folder.
 *
 * @throws {TypeError} if the environment does not say where that is.
 */
export function expandHome(
  path: string,
  { env = Deno.env, os = Deno.build.os }: Partial<Pick<StateFileOptions, "env" | "os">> = {},
): string {
  const isHome = os === "windows" ? /^~(?=[\\/]|$)/ : /^~(?=\/|$)/;
  if (!isHome.test(path)) return path;
  const variable = os === "windows" ? "USERPROFILE" : "HOME";
  const home = readVariable(env, variable);
  // A relative one would lead to another place from each folder.
  if (home !== undefined && isAbsolute(home)) return join(home, path.slice(1));
  throw new TypeError(
    `Cannot find the home folder for ${JSON.stringify(path)} as the environment variable ` +
      `${variable} has no absolute path, or may not be read: write the whole path`,
  );
}

/** A variable of the environment; one that may not be read is absent. */
function readVariable(env: StateFileOptions["env"], name: string): string | undefined {
  try {
    return env.get(name);
  } catch {
    return undefined;
  }
}

function folders(os: typeof Deno.build.os): readonly string[] {
  if (os === "windows") return [];
  return os === "darwin" ? ["Library", "Application Support"] : [".local", "state"];
}
