/**
 * The name that a jar files a server's cookies under.
 *
 * @module
 */

import { resolve } from "node:path";

/**
 * A server's URL without what may be secret in it: its origin and path, as a browser would write
 * them. User, password, query and fragment are left out. What is no URL, such as a command line, is
 * given back as it is.
 */
export function serverName(server: string): string {
  const url = URL.parse(server);
  // "C:\server.exe" and "deno:x" are URLs too, and lead to no host.
  return url?.host ? `${url.protocol}//${url.host}${url.pathname}` : server;
}

/**
 * A command line as a jar has it: nothing is left out, and what names a file or a folder names the
 * same one wherever the command is given.
 */
export function commandName([command = "", ...args]: readonly string[]): string {
  // One without a slash is looked for in the PATH.
  return JSON.stringify([isPath(command) ? wherever(command) : command, ...args.map(wherever)]);
}

function wherever(argument: string): string {
  const [, flag = "", value = ""] = /^(-[^=]*=)?(.*)$/s.exec(argument) ?? [];
  try {
    const { isFile } = Deno.statSync(value);
    // A folder may happen to have the name of a subcommand.
    return isFile || isPath(value) ? flag + resolve(value) : argument;
  } catch {
    return argument;
  }
}

function isPath(text: string): boolean {
  return text.includes("/") || text === "." || text === "..";
}
