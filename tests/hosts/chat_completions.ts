/** OpenAI's chat completions, as far as MCP hosts use them. */

import type { Conversation, ShownTool } from "./scripted_model.ts";

/** A model's answer: a call of a tool, or a text. */
export type Move =
  | { readonly tool: ShownTool; readonly args: Readonly<Record<string, unknown>> }
  | { readonly text: string };

/** Body of a request, with the members that are read. */
interface ChatRequest {
  readonly tools?: readonly { readonly function: ShownTool }[];
  readonly messages: readonly { readonly role: string; readonly content: unknown }[];
}

/** Reads a request. */
export function readChat({ tools, messages }: ChatRequest): Conversation {
  return {
    tools: tools?.map((tool) => tool.function) ?? [],
    turns: messages.flatMap(({ role, content }) =>
      role === "user" || role === "tool" ? [{ role, text: textOf(content) }] : []
    ),
  };
}

/** Text of a message, which is a string or has parts. */
export function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map(({ text }: { text?: string }) => text ?? "").join("\n");
}

/** Writes an answer. */
export function writeChat(move: Move, isStreamed: boolean): Response {
  const base = { id: `chat-${crypto.randomUUID()}`, created: 0, model: "scripted" };
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  const message = { role: "assistant", ...contentOf(move) };
  const finish_reason = "text" in move ? "stop" : "tool_calls";
  if (!isStreamed) {
    const choices = [{ index: 0, message, finish_reason }];
    return Response.json({ ...base, object: "chat.completion", choices, usage });
  }
  const chunk = (choice: object) => ({
    ...base,
    object: "chat.completion.chunk",
    choices: [{ index: 0, ...choice }],
  });
  return eventStream(
    [
      chunk({ delta: message, finish_reason: null }),
      { ...chunk({ delta: {}, finish_reason }), usage },
    ].map((data) => `data: ${JSON.stringify(data)}`).concat("data: [DONE]"),
  );
}

function contentOf(move: Move): object {
  if ("text" in move) return { content: move.text };
  const call = { name: move.tool.name, arguments: JSON.stringify(move.args) };
  const id = `call_${crypto.randomUUID()}`;
  return { content: null, tool_calls: [{ index: 0, id, type: "function", function: call }] };
}

/** A response of events, each given as lines. */
export function eventStream(events: readonly string[]): Response {
  const body = events.map((event) => `${event}\n\n`).join("");
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}
