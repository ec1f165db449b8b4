/**
 * A server on stdio that shows what reached it: the result of each request is the request itself.
 * `emit` makes it send messages of its own, `seen` tells what needed no answer, and `hold` is never
 * answered, and the notification `exit` ends it. With `--sessions` it announces sessions.
 */

import { lines } from "./support/lines.ts";

const sessions = Deno.args.includes("--sessions");
const seen: unknown[] = [];

function say(message: unknown): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(message)}\n`));
}

for await (const line of lines(Deno.stdin.readable)) {
  const message = JSON.parse(line);
  const { id, method, params } = message;
  if (method === "exit") Deno.exit(0);
  if (method === undefined || id === undefined) seen.push(message);
  else if (method === "initialize") {
    const session = { version: 2, features: ["create"] };
    const experimental = { other: {}, ...(sessions && { session }) };
    const capabilities = { tools: {}, experimental };
    const serverInfo = { name: "echo", version: "1" };
    const { protocolVersion } = params;
    say({ jsonrpc: "2.0", id, result: { protocolVersion, capabilities, serverInfo } });
  } else if (method === "session/create" && sessions) {
    say({ jsonrpc: "2.0", id, result: { id: "sess-echo" } });
  } else if (method === "seen") say({ jsonrpc: "2.0", id, result: { seen } });
  else if (method !== "hold") {
    for (const each of params?.emit ?? []) say(each);
    const _meta = { "mcp/session": params?._meta?.["mcp/session"], "other/key": 1 };
    say({ jsonrpc: "2.0", id, result: { received: message, _meta } });
  }
}
