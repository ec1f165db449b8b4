import { HOST_SESSION_VARIABLES } from "../../../protocol/host_conversations.ts";
import { output } from "../output.ts";

/** Runs the demo, in an environment that must not change its sessions. */
export function demo(args: readonly string[], env: Record<string, string> = {}) {
  const script = new URL("../../../client/demo.ts", import.meta.url);
  return output(Deno.execPath(), {
    args: ["run", "-A", script.href, ...args],
    env: {
      ...Object.fromEntries(HOST_SESSION_VARIABLES.map((name) => [name, "somebody's"])),
      MCP_SESSIONS_STORE: "file:/nonexistent/store",
      FORCE_COLOR: "0",
      ...env,
    },
    stdin: "null",
  });
}
