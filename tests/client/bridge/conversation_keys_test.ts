/** A server and a bridge, given the same `--conversation-key`: they tell conversations apart alike. */

import { assertEquals } from "@std/assert";
import { Behind, sessionOf } from "../../support/bridge/behind.ts";
import { BridgeHost, Folder } from "../../support/bridge/host.ts";
import { startServer, type WireResult } from "../../support/servers/server.ts";

const FLAGS = ["--conversation-key", "room", "--conversation-key", "com.example/context/chat"];

/** The `_meta` of calls, and which of the sessions each has. */
const CALLS: readonly [session: string, meta: Record<string, unknown>][] = [
  ["room B", { "openai/session": "A", room: "B" }],
  ["room B", { "openai/session": "C", room: "B" }],
  ["room B", { room: "B" }],
  ["room C", { "vscode.conversationId": "B", room: "C" }],
  ["room C", { room: "C", "com.example/context/chat": "B" }],
  ["chat B", { "com.example/context": { chat: "B" } }],
  ["chat B", { "com.example/context": '{"chat":"B"}', threadId: "B" }],
  ["chat B", { "com.example/context/chat": "", "com.example/context": { chat: "B" } }],
  ["whole B", { "com.example/context/chat": "B" }],
  ["whole B", { "com.example/context/chat": "B", "com.example/context": { chat: "C" } }],
  ["thread B", { threadId: "B", "com.zcode/request-context": { session_id: "C" } }],
  ["thread B", { threadId: "B", "com.example/context": {} }],
  ["antigravity B", { "antigravity.google/conversation_id": "B" }],
  ["zcode B", { "com.zcode/request-context": { session_id: "B" } }],
  ["zcode B", { "com.zcode/request-context": '{"session_id":"B","other":1}' }],
];

/** Makes each call in its turn, and names the sessions by what first had them. */
async function sessions(
  call: (name: string, args: object, meta: Record<string, unknown>) => Promise<WireResult>,
): Promise<string[]> {
  const names = new Map<string, string>();
  const found = [];
  for (const [name, meta] of CALLS) {
    const id = sessionOf(await call("notebook_status", {}, meta));
    names.set(id, names.get(id) ?? name);
    found.push(names.get(id) ?? "");
  }
  return found;
}

const EXPECTED = CALLS.map(([session]) => session);

Deno.test("--conversation-key: a server asks for these keys first, and for paths", async () => {
  await using server = await startServer({ server: "notebook", transport: "stdio", flags: FLAGS });
  const found = await sessions((name, args, _meta) =>
    server.result("tools/call", { name, arguments: args, _meta })
  );
  assertEquals(found, EXPECTED);
});

Deno.test("--conversation-key: a bridge asks for these keys first, and for paths", async () => {
  await using folder = await Folder.create();
  await using behind = await Behind.start("notebook", "stdio", folder);
  await using host = await BridgeHost.connect(folder, [...FLAGS, ...behind.args]);
  assertEquals(await sessions((name, args, meta) => host.tool(name, args, meta)), EXPECTED);
});
