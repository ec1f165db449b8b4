/** Runs of `client/demo.ts` as a user starts it. */

import { HOST_SESSION_VARIABLES } from "../../../protocol/host_conversations.ts";

export const DEMO = new URL("../../../client/demo.ts", import.meta.url).href;

/** Runs the demo to its end. */
export async function demo(args: readonly string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", DEMO, ...args],
    env: {
      // Variables that may not change which sessions the demo's servers use.
      ...Object.fromEntries(HOST_SESSION_VARIABLES.map((name) => [name, "somebody's"])),
      MCP_SESSIONS_STORE: "file:/nonexistent/store",
      FORCE_COLOR: "0",
      ...env,
    },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
