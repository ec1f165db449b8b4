/**
 * A server on stdio that shows what reached it: the result of each request is the request itself.
 * `emit` makes it send messages of its own, `write` a text as it is but for `%`, which stands for
 * `repeat` letters. `seen` tells what needed no answer, `hold` is never answered, nor is a request
 * with `silent`, and the notification `exit` ends it. With `--sessions` it announces sessions.
 */

import { lines } from "./support/lines.ts";

const sessions = Deno.args.includes("--sessions");
const seen: unknown[] = [];

function say(message: unknown): void {
  write(`${JSON.stringify(message)}\n`);
}

function write(text: string): void {
  for (let rest = new TextEncoder().encode(text); rest.length > 0;) {
    rest = rest.subarray(Deno.stdout.writeSync(rest));
  }
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
    write((params?.write ?? "").replace("%", "x".repeat(params?.repeat ?? 0)));
    for (const each of params?.emit ?? []) say(each);
    if (params?.silent) continue;
    const _meta = { "mcp/session": params?._meta?.["mcp/session"], "other/key": 1 };
    say({ jsonrpc: "2.0", id, result: { received: message, _meta } });
  }
}
