/** OpenAI's Responses API, as far as MCP hosts use it: always streamed. */

import { eventStream, type Move, textOf } from "./chat_completions.ts";
import type { Conversation, ShownTool, Turn } from "./scripted_model.ts";

/** A tool of a request: a function of the host, a group of functions, or a tool of the provider. */
type RequestTool =
  | { readonly type: "function" } & ShownTool
  | { readonly type: "namespace"; readonly name: string; readonly tools: readonly RequestTool[] }
  | { readonly type: "web_search" };

/** Part of a conversation, with the members that are read. */
type Item =
  | { readonly type: "message"; readonly role: string; readonly content: unknown }
  | { readonly type: "function_call_output"; readonly output: unknown }
  | { readonly type: "function_call" };

/** Body of a request, with the members that are read. */
interface ResponsesRequest {
  readonly tools?: readonly RequestTool[];
  readonly input: readonly Item[];
}

/** Reads a request. */
export function readResponses({ tools = [], input }: ResponsesRequest): Conversation {
  return {
    tools: tools.flatMap((tool) => toolsOf(tool)),
    turns: input.flatMap((item): Turn[] => {
      switch (item.type) {
        case "function_call_output":
          return [{ role: "tool", text: textOf(item.output) }];
        case "message":
          return item.role === "user" ? [{ role: "user", text: textOf(item.content) }] : [];
        default:
          return [];
      }
    }),
  };
}

function toolsOf(tool: RequestTool): ShownTool[] {
  if (tool.type === "function") return [tool];
  if (tool.type !== "namespace") return [];
  return tool.tools.flatMap((it) => toolsOf(it)).map((it) => ({ ...it, namespace: tool.name }));
}

/** Writes an answer. */
export function writeResponses(move: Move): Response {
  const id = `resp_${crypto.randomUUID()}`;
  const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
  return eventStream(
    [
      { type: "response.created", response: { id } },
      { type: "response.output_item.done", output_index: 0, item: itemOf(move) },
      { type: "response.completed", response: { id, usage } },
    ].map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}`),
  );
}

function itemOf(move: Move): object {
  if ("text" in move) {
    const content = [{ type: "output_text", text: move.text }];
    return { type: "message", id: `msg_${crypto.randomUUID()}`, role: "assistant", content };
  }
  const { name, namespace } = move.tool;
  return {
    type: "function_call",
    id: `fc_${crypto.randomUUID()}`,
    call_id: `call_${crypto.randomUUID()}`,
    name,
    ...(namespace !== undefined && { namespace }),
    arguments: JSON.stringify(move.args),
  };
}
