/** Callers over HTTP that send raw JSON-RPC, with a token or without. */

import { assert } from "@std/assert";
import {
  HttpServer,
  INITIALIZE,
  messagesOf,
  post,
  type Reply,
  request,
  type Server,
} from "./server.ts";
import { bearer } from "./tokens.ts";

/** Sends a request with its params. */
export type Send = (method: string, params: Record<string, unknown> | null) => Promise<Reply>;

/** Tokens, and their principals. */
export const TOKENS: Readonly<Record<string, string>> = { "a-token": "alice", "b-token": "bob" };

/**
 * Sends requests of one principal, or anonymous ones without a token, in a transport session of their
 * own where the server has such.
 */
export async function callerOf({ url }: HttpServer, token?: string): Promise<Send> {
  const headers: Record<string, string> = bearer(token);
  let lastId = 0;
  const ask = async (method: string, params: Record<string, unknown> | null) => {
    const id = ++lastId;
    const response = await post(url, request(method, params, id), headers);
    const reply = (await messagesOf(response)).at(-1);
    assert(reply?.jsonrpc && reply.id === id, `${method} was answered with ${response.status}`);
    return { response, reply: { ...reply, jsonrpc: reply.jsonrpc, id } };
  };
  const { response } = await ask("initialize", INITIALIZE);
  const session = response.headers.get("mcp-session-id");
  if (session !== null) headers["mcp-session-id"] = session;
  return async (method, params) => (await ask(method, params)).reply;
}

/** Requests on one connection, where there are connections. */
export const senderOf = async (server: Server, token?: string): Promise<Send> =>
  server instanceof HttpServer
    ? await callerOf(server, token)
    : (method, params) => server.request(method, params);
