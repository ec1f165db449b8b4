/** Arguments and output of the sessions command. */

import { assert } from "@std/assert";
import type { ServerName } from "../servers/server.ts";

export const WHOLE = /sess-[0-9a-f]{9}/;
export const SHORT = /sess-[0-9a-f]{8}\b/;

/** The arguments that name a server over stdio. */
export function overStdio(server: ServerName, store: string): string[] {
  return ["--", Deno.execPath(), "run", "-A", `servers/${server}.ts`, "--store", store];
}

/** The short id in an output that must not have a whole one. */
export function shortIn(text: string): string {
  const [id] = SHORT.exec(text) ?? [];
  assert(id, `no id in: ${text}`);
  assert(!WHOLE.test(text), `a whole id in: ${text}`);
  return id;
}
