/** What a request for input needs of its client, and what answers it. */

import { assertEquals } from "@std/assert";
import {
  type InputRequest,
  isAnswer,
  missingCapabilities,
} from "../../../servers/base/era/input_request.ts";

function sampling(more: object = {}): InputRequest {
  const messages = [{ role: "user" as const, content: { type: "text" as const, text: "?" } }];
  return { method: "sampling/createMessage", params: { messages, maxTokens: 10, ...more } };
}

// A value may have what the type does not.
const TOOLS = { tools: [{ name: "search", inputSchema: { type: "object" } }] };
const [SAMPLING, SAMPLING_WITH_TOOLS] = [sampling(), sampling(TOOLS)];

Deno.test("missingCapabilities: a model gets tools and context only from a client that has declared both", () => {
  const both = sampling({ ...TOOLS, includeContext: "thisServer" });
  for (
    const [request, sampling, missing] of [
      [SAMPLING, undefined, {}],
      [SAMPLING, {}, undefined],
      [SAMPLING_WITH_TOOLS, undefined, { tools: {} }],
      [SAMPLING_WITH_TOOLS, {}, { tools: {} }],
      [SAMPLING_WITH_TOOLS, { tools: {} }, undefined],
      [both, { tools: {} }, { context: {} }],
      [both, {}, { context: {}, tools: {} }],
      [both, { context: {}, tools: {} }, undefined],
    ] as const
  ) {
    assertEquals(missingCapabilities([request], { sampling }), missing && { sampling: missing });
  }
});

Deno.test("isAnswer: a model with tools may call several, another answers with one content", () => {
  const calls = ["1", "2"].map((id) => ({ type: "tool_use", id, name: "search", input: {} }));
  const answer = { role: "assistant", model: "a model", content: calls };
  assertEquals(isAnswer(SAMPLING_WITH_TOOLS, answer), true);
  assertEquals(isAnswer(SAMPLING_WITH_TOOLS, { ...answer, content: calls[0] }), true);
  assertEquals(isAnswer(SAMPLING_WITH_TOOLS, { ...answer, content: ["text"] }), false);
  assertEquals(isAnswer(SAMPLING, answer), false);
});
