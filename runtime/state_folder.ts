/**
 * The folders of a user: home, and the state folder of the user's programs.
 *
 * @module
 */

import { isAbsolute, join } from "node:path";
import { system } from "./deno_version.ts";

/** The system that is looked at, and the words of the error. */
export interface StateFileOptions {
  readonly env: { get(name: string): string | undefined };
  readonly os: string;
  /** The thing that the path is for, as in "a store". */
  readonly what: string;
  /** What to do if the folder is not known. */
  readonly remedy: string;
}

/**
 * The path of this project's file `name` in the state folder (PROTOCOL.md, section 8).
 *
 * @throws {TypeError} if the environment does not say where the folder is.
 */
export function stateFile(name: string, { env, os, what, remedy }: StateFileOptions): string {
  const variable = os === "windows" ? "LOCALAPPDATA" : "HOME";
  const xdg = env.get("XDG_STATE_HOME");
  // By its specification, a relative path in XDG_STATE_HOME is ignored.
  if (os !== "windows" && os !== "darwin" && xdg && isAbsolute(xdg)) {
    return join(xdg, "mcp-sessions", name);
  }
  const base = env.get(variable);
  if (!base) {
    throw new TypeError(
      `Cannot choose ${what} as the environment variable ${variable} is not set: ${remedy}`,
    );
  }
  const folders = os === "darwin" ? ["Library", "Application Support"] : [".local", "state"];
  return join(base, ...(os === "windows" ? [] : folders), "mcp-sessions", name);
}

/**
 * Expands `~/` at the beginning of a path to the home folder.
 *
 * @throws {TypeError} if the environment does not say where the home folder is.
 */
export function expandHome(
  path: string,
  { env = system().env, os = system().os }: Partial<Pick<StateFileOptions, "env" | "os">> = {},
): string {
  const isHome = os === "windows" ? /^~(?=[\\/]|$)/ : /^~(?=\/|$)/;
  if (!isHome.test(path)) return path;
  const variable = os === "windows" ? "USERPROFILE" : "HOME";
  const home = readVariable(env, variable);
  // A relative one would be another place in each working folder.
  if (home !== undefined && isAbsolute(home)) return join(home, path.slice(1));
  throw new TypeError(
    `Cannot find the home folder for ${JSON.stringify(path)} as the environment variable ` +
      `${variable} has no absolute path, or may not be read: write the whole path`,
  );
}

/** A variable of the environment; one that may not be read is absent. */
export function readVariable(env: StateFileOptions["env"], name: string): string | undefined {
  try {
    return env.get(name);
  } catch {
    return undefined;
  }
}
