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

Deno.test("isAnswer: takes what has the type that the handler gets, and nothing else", () => {
  const form: InputRequest = {
    method: "elicitation/create",
    params: { message: "?", requestedSchema: { type: "object", properties: {} } },
  };
  const folders: InputRequest = { method: "roots/list" };
  const filled = (value: unknown) => ({ action: "accept", content: { value } });
  const said = (content: unknown, role = "assistant") => ({ model: "a model", role, content });
  const image = { type: "image", data: "", mimeType: "image/png" };
  const folder = (more: object) => ({ roots: [{ uri: "file:///a", ...more }] });
  const cases: [request: InputRequest, right: unknown[], wrong: unknown[]][] = [
    [form, ["", 0, false, [], ["a"]].map(filled), [null, {}, [1], [["a"]]].map(filled)],
    [
      SAMPLING,
      [said({ type: "text", text: "" }), said(image), said({ ...image, type: "audio" }, "user")],
      [
        said({}),
        said({ type: "text", text: 1 }),
        said({ ...image, data: 1 }),
        said({ ...image, type: "tool_use" }),
        said(image, "system"),
      ],
    ],
    [folders, [folder({}), folder({ name: "a" })], [folder({ name: 1 }), folder({ uri: 1 })]],
  ];
  for (const [request, right, wrong] of cases) {
    for (const answer of right) {
      assertEquals(isAnswer(request, answer), true, JSON.stringify(answer));
    }
    for (const answer of wrong) {
      assertEquals(isAnswer(request, answer), false, JSON.stringify(answer));
    }
  }
});
