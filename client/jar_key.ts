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
 * A command line as a jar has it: nothing is left out, and an argument that names a file names the
 * same one from any folder.
 */
export function commandName([command, ...args]: readonly string[]): string {
  return JSON.stringify([command, ...args.map(wherever)]);
}

function wherever(argument: string): string {
  try {
    return Deno.statSync(argument).isFile ? resolve(argument) : argument;
  } catch {
    return argument;
  }
}
