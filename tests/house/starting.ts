/** Starts commands as people and hosts do. */

import { dirname } from "node:path";
import { CLEAN_ENV } from "../support/environment.ts";
import { lines } from "../support/lines.ts";
import { INITIALIZE } from "../support/servers/server.ts";

/** An environment whose state is in `folder`, in which `deno` is the one that runs the tests. */
export function environment(folder: string): Record<string, string> {
  const separator = Deno.build.os === "windows" ? ";" : ":";
  const PATH = [dirname(Deno.execPath()), Deno.env.get("PATH")].join(separator);
  return { ...CLEAN_ENV, PATH, XDG_STATE_HOME: folder, NO_COLOR: "1" };
}

/** The name that a server on stdio gives itself, from its start to the end of its input. */
export async function initialized(
  [command = "", ...args]: readonly string[],
  { cwd, folder }: { readonly cwd: string; readonly folder: string },
): Promise<string> {
  await using child = new Deno.Command(command, {
    args,
    cwd,
    env: environment(folder),
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  const request = { jsonrpc: "2.0", id: 1, method: "initialize", params: INITIALIZE };
  await writer.write(new TextEncoder().encode(`${JSON.stringify(request)}\n`));
  const said = lines(child.stdout);
  const { value = "null" } = await said.next();
  await writer.close();
  await said.return(undefined);
  const { code } = await child.status;
  return code === 0 ? JSON.parse(value)?.result?.serverInfo.name : `exit status ${code}`;
}
