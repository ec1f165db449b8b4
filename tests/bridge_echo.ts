/**
 * A server on stdio that shows what reached it: the result of each request is the request itself.
 * `emit` makes it send messages of its own, `write` a text as it is but for `%`, which stands for
 * `repeat` letters. `seen` tells what needed no answer, `hold` is never answered, nor is a request
 * with `silent`, and the notification `exit` ends it. With `--sessions` it announces sessions, with
 * the features of `--sessions=LIST` if there are any. `--tools=PAGES` has the pages of its tools, as
 * JSON, until the notification `tools` brings others; `listed` tells how many pages were asked for,
 * and `asked` what else was by the methods of sessions.
 */

import { lines } from "./support/lines.ts";

const flag = (name: string) =>
  Deno.args.find((arg) => arg.split("=")[0] === `--${name}`)?.replace(/^[^=]*=?/, "");
const sessions = flag("sessions");
let pages: unknown[][] | undefined = JSON.parse(flag("tools") ?? "null") ?? undefined;
let listed = 0;
const asked: unknown[] = [];
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
  if (/^session\/(create|delete)$/.test(method)) asked.push([method, params]);
  if (method === "tools") {
    pages = params.pages;
    say({ jsonrpc: "2.0", method: "notifications/tools/list_changed" });
  } else if (method === undefined || id === undefined) seen.push(message);
  else if (method === "initialize") {
    const session = { version: 2, features: (sessions || "create").split(",") };
    const experimental = { other: {}, ...(sessions !== undefined && { session }) };
    const capabilities = { tools: {}, experimental };
    const serverInfo = { name: "echo", version: "1" };
    const { protocolVersion } = params;
    say({ jsonrpc: "2.0", id, result: { protocolVersion, capabilities, serverInfo } });
  } else if (method === "session/create" && sessions !== undefined) {
    say({ jsonrpc: "2.0", id, result: { id: "sess-echo" } });
  } else if (method === "tools/list" && pages !== undefined) {
    listed++;
    const page = Number(params?.cursor ?? 0);
    const nextCursor = page + 1 < pages.length ? { nextCursor: `${page + 1}` } : {};
    say({ jsonrpc: "2.0", id, result: { tools: pages[page] ?? [], ...nextCursor } });
  } else if (method === "asked") say({ jsonrpc: "2.0", id, result: { asked } });
  else if (method === "listed") say({ jsonrpc: "2.0", id, result: { listed } });
  else if (method === "seen") say({ jsonrpc: "2.0", id, result: { seen } });
  else if (method !== "hold") {
    write((params?.write ?? "").replace("%", "x".repeat(params?.repeat ?? 0)));
    for (const each of params?.emit ?? []) say(each);
    if (params?.silent) continue;
    const _meta = { "mcp/session": params?._meta?.["mcp/session"], "other/key": 1 };
    say({ jsonrpc: "2.0", id, result: { received: message, _meta } });
  }
}
