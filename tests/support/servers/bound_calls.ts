/** Calls that are bound to a session, and servers that bind them. */

import { type HttpServer, type StartOptions, startServer } from "./server.ts";
import { tokensFile } from "./tokens.ts";
import { tempFolder } from "../temp_folder.ts";
import { type Send, TOKENS } from "./callers.ts";

/** A server whose tools show the session of a call, and how it was found. */
export const POLICIES = new URL("../../fixtures/policies.ts", import.meta.url);

/** The `_meta` of VS Code for a conversation. */
export function vscode(id: string): Record<string, unknown> {
  return { "vscode.conversationId": id };
}

/** The structured content of a call, with the id in its cookie, and as `refused` the error's reason. */
export async function call(
  send: Send,
  name: string,
  _meta: Record<string, unknown> = {},
  args: Record<string, unknown> = {},
): Promise<Record<string, unknown>> {
  // A caller that knows sessions gets the error, with its reason.
  const params = { name, arguments: args, _meta: { "mcp/session": null, ..._meta } };
  const { result, error } = await send("tools/call", params);
  const cookie = result?._meta?.["mcp/session"];
  const refused = error && (error.data?.reason ?? error);
  return { ...result?.structuredContent, cookie: cookie?.id, refused };
}

/** Appends to the list of the call's session, and gives the list. */
export async function append(
  send: Send,
  text: string,
  meta?: Record<string, unknown>,
): Promise<unknown> {
  const answer = await call(send, "append", meta, { text });
  return answer.list ?? answer;
}

export async function lengthOfList(send: Send, meta: Record<string, unknown>): Promise<unknown> {
  const { list } = await call(send, "read", meta);
  return Array.isArray(list) ? list.length : undefined;
}

export async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  await using folder = await tempFolder();
  await test(folder.path);
}

/** A server on stdio: each `run` is a process of its own, killed at its end. */
export async function run(
  options: Partial<StartOptions>,
  test: (send: Send) => Promise<void>,
): Promise<void> {
  await using server = await startServer({ server: POLICIES, ...options, transport: "stdio" });
  await test((method, params) => server.request(method, params));
}

export async function withTokens(
  flags: string[],
  test: (server: HttpServer) => Promise<void>,
  store = "memory:",
): Promise<void> {
  await using tokens = await tokensFile(TOKENS);
  const all = [...tokens.flags, ...flags];
  await using server = await startServer({
    server: POLICIES,
    transport: "http",
    store,
    flags: all,
  });
  await test(server);
}
