/** Tools that ask modern clients, in rounds of independent requests. */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { envelope } from "../../support/servers/modern_wire.ts";
import {
  accepted,
  ALL,
  assertRefused,
  complete,
  inputRequired,
  MODEL,
  ModernCaller,
  startAsking,
  textOf,
} from "../../support/servers/round_trips.ts";
import { TRANSPORTS } from "../../support/servers/server.ts";

for (const transport of TRANSPORTS) {
  Deno.test(`ask over ${transport}: the client is asked, and its answer gets to the tool`, async () => {
    await using server = await startAsking({ transport });
    const client = new ModernCaller(server);
    const { inputRequests, requestState, ...rest } = await client.asked("greet");
    assertEquals(inputRequests, {
      user_name: {
        method: "elicitation/create",
        params: {
          message: "What is your name?",
          requestedSchema: { type: "object", properties: {} },
        },
      },
    });
    assertEquals(rest, {
      resultType: "input_required",
      _meta: { "io.modelcontextprotocol/serverInfo": { name: "asking", version: "1.0.0" } },
    });
    const inputResponses = { user_name: accepted("Ann") };
    const result = await client.done("greet", { inputResponses, requestState });
    assertEquals(textOf(result), "Hello, Ann!");
  });

  Deno.test(`ask over ${transport}: answers of earlier rounds travel in the state`, async () => {
    await using server = await startAsking({ transport });
    const client = new ModernCaller(server);
    const first = await client.asked("two_steps");
    const second = await client.asked("two_steps", {
      inputResponses: { name: accepted("Ann") },
      requestState: first.requestState,
    });
    assertEquals(Object.keys(second.inputRequests), ["colour"]);
    const third = await client.asked("two_steps", {
      inputResponses: { colour: accepted("blue") },
      requestState: second.requestState,
    });
    // A key that is asked again is another question.
    assertEquals(Object.keys(third.inputRequests), ["name"]);
    const result = await client.done("two_steps", {
      inputResponses: { name: accepted("Anna") },
      requestState: third.requestState,
    });
    assertEquals(textOf(result), "Ann and Anna in blue");
  });

  Deno.test(`ask over ${transport}: user, model and folders in one round`, async () => {
    await using server = await startAsking({ transport });
    const client = new ModernCaller(server);
    const { inputRequests, requestState } = await client.asked("everything");
    assertEquals(
      Object.entries(inputRequests).map(([key, { method }]) => [key, method]),
      [["user", "elicitation/create"], ["model", "sampling/createMessage"], [
        "folders",
        "roots/list",
      ]],
    );
    assertEquals(inputRequests.folders?.params, {});
    const inputResponses = {
      user: { action: "decline" },
      model: MODEL,
      folders: { roots: [{ uri: "file:///a" }] },
    };
    const result = await client.done("everything", { inputResponses, requestState });
    assertEquals(textOf(result), "decline a model 1");
  });

  Deno.test(`ask over ${transport}: in a prompt and in a resource`, async () => {
    await using server = await startAsking({ transport });
    const client = new ModernCaller(server);
    for (
      const [method, params] of [
        ["prompts/get", { name: "context" }],
        ["resources/read", { uri: "asked://resource" }],
      ] as const
    ) {
      const { inputRequests, requestState } = inputRequired(await client.request(method, params));
      assertEquals(Object.keys(inputRequests), ["user_context"]);
      const inputResponses = { user_context: accepted("here") };
      const reply = await client.request(method, { ...params, inputResponses, requestState });
      assertMatch(JSON.stringify(complete(reply)), /"text":"here"/);
    }
  });

  Deno.test(`ask over ${transport}: what the client has not declared is -32021, and not asked`, async () => {
    await using server = await startAsking({ transport });
    for (
      const [capabilities, required] of [
        [{}, { elicitation: { form: {} }, sampling: {}, roots: {} }],
        [{ elicitation: {}, sampling: {} }, { roots: {} }],
        [{ elicitation: { url: {} }, sampling: {}, roots: {} }, { elicitation: { form: {} } }],
      ] as const
    ) {
      const client = new ModernCaller(server, { capabilities });
      const { error, result, status } = await client.call("everything");
      assertEquals([result, error?.code], [undefined, -32021]);
      assertEquals(error?.data, { requiredCapabilities: required });
      if (transport === "http") assertEquals(status, 400);
    }
  });

  Deno.test(`ask over ${transport}: a state is used once`, async () => {
    await using server = await startAsking({ transport });
    const client = new ModernCaller(server);
    const { requestState } = await client.asked("greet");
    const inputResponses = { user_name: accepted("Ann") };
    const { structuredContent } = await client.done("greet", { inputResponses, requestState });
    assertEquals(structuredContent, { runs: 2 });
    assertRefused(await client.call("greet", { inputResponses, requestState }));
    // No refused call has run.
    const again = await client.done("greet", { inputResponses });
    assertEquals(again.structuredContent, { runs: 3 });
  });
}

Deno.test("ask: two at once are asked in one round", async () => {
  await using server = await startAsking({ transport: "stdio" });
  const client = new ModernCaller(server);
  const { inputRequests, requestState } = await client.asked("at_once");
  assertEquals(Object.keys(inputRequests), ["one", "two"]);
  // One answer comes later than the other.
  const second = await client.asked("at_once", {
    inputResponses: { two: accepted("b") },
    requestState,
  });
  assertEquals(Object.keys(second.inputRequests), ["one"]);
  const result = await client.done("at_once", {
    inputResponses: { one: accepted("a") },
    requestState: second.requestState,
  });
  assertEquals(textOf(result), "a b");
});

Deno.test("ask: a tool that catches asks all the same, and so does one with an output schema", async () => {
  await using server = await startAsking({ transport: "stdio" });
  const client = new ModernCaller(server);
  const { requestState } = await client.asked("catches");
  const inputResponses = { answer: accepted("a"), name: accepted("b") };
  const caught = await client.done("catches", { inputResponses, requestState });
  assertEquals(textOf(caught), "accept");
  const structured = await client.asked("structured");
  const result = await client.done("structured", {
    inputResponses,
    requestState: structured.requestState,
  });
  assertEquals(result.structuredContent, { name: "b" });
});

Deno.test("ask: a tool that goes on without what the client cannot give is done", async () => {
  await using server = await startAsking({ transport: "stdio" });
  const client = new ModernCaller(server, { capabilities: {} });
  assertEquals(textOf(await client.done("catches")), "caught");
});

Deno.test("clientCapabilities: a tool asks only for what the request has declared", async () => {
  await using server = await startAsking({ transport: "stdio" });
  const none = new ModernCaller(server, { capabilities: { roots: {} } });
  assertEquals(textOf(await none.done("only_declared")), "roots");
  const client = new ModernCaller(server, { capabilities: { sampling: {} } });
  const { inputRequests, requestState } = await client.asked("only_declared");
  assertEquals(Object.keys(inputRequests), ["model"]);
  const result = await client.done("only_declared", {
    inputResponses: { model: MODEL },
    requestState,
  });
  assertEquals(textOf(result), "sampling: a model");
});

Deno.test("inputResponses: without a state they are used as they are, and other keys are ignored", async () => {
  await using server = await startAsking({ transport: "stdio" });
  const client = new ModernCaller(server);
  const inputResponses = {
    user_name: accepted("Ann"),
    other: accepted("x"),
    ["__proto__"]: accepted("y"),
  };
  assertEquals(textOf(await client.done("greet", { inputResponses })), "Hello, Ann!");
});

Deno.test("inputResponses: what is missing or no result of its method is asked again", async () => {
  await using server = await startAsking({ transport: "stdio" });
  const client = new ModernCaller(server);
  let { requestState } = await client.asked("greet");
  for (
    const inputResponses of [
      undefined,
      {},
      { wrong_key: accepted("Ann") },
      { user_name: {} },
      { user_name: { action: "maybe" } },
      { user_name: { action: "accept", content: 1 } },
      { user_name: { action: "accept", content: { name: { toString: "Ann" } } } },
      { user_name: MODEL },
    ]
  ) {
    const again = await client.asked("greet", { inputResponses, requestState });
    assertEquals(Object.keys(again.inputRequests), ["user_name"]);
    assertNotEquals(again.requestState, requestState);
    requestState = again.requestState;
  }
  const inputResponses = { user_name: accepted("Ann") };
  const result = await client.done("greet", { inputResponses, requestState });
  assertEquals(textOf(result), "Hello, Ann!");
});

Deno.test("inputResponses: a wrong kind is -32602, and the tool does not run", async () => {
  await using server = await startAsking({ transport: "stdio" });
  const client = new ModernCaller(server);
  for (const inputResponses of [null, 1, "x", [], { user_name: 12345 }, { user_name: null }]) {
    const reply = await client.call("greet", { inputResponses });
    assertEquals(reply.error?.code, -32602, JSON.stringify(reply));
    assertMatch(`${reply.error?.message}`, /params\.inputResponses/);
  }
  for (const requestState of [null, 1, {}]) {
    const reply = await client.call("greet", { requestState });
    assertEquals(reply.error?.code, -32602, JSON.stringify(reply));
  }
  const inputResponses = { user_name: accepted("Ann") };
  const { structuredContent } = await client.done("greet", { inputResponses });
  assertEquals(structuredContent, { runs: 1 });
});

Deno.test("requestState: another tool, other arguments, another method and a change are refused", async () => {
  await using server = await startAsking({ transport: "stdio" });
  const client = new ModernCaller(server);
  const { requestState } = await client.asked("greet", { arguments: { greeting: "Hi" } });
  const inputResponses = { user_name: accepted("Ann"), user_context: accepted("Ann") };
  const retry = (more: object) => client.call("greet", { inputResponses, requestState, ...more });
  assertRefused(await client.call("two_steps", { inputResponses, requestState }));
  assertRefused(await retry({}));
  assertRefused(await retry({ arguments: { greeting: "Ho" } }));
  assertRefused(await retry({ arguments: { greeting: "Hi" }, requestState: `${requestState}x` }));
  assertRefused(await retry({ arguments: { greeting: "Hi" }, requestState: "" }));
  const params = { name: "context", inputResponses, requestState };
  assertRefused(await client.request("prompts/get", params));
  // No refusal has used it up.
  const result = complete(await retry({ arguments: { greeting: "Hi" } }));
  assertEquals(textOf(result), "Hi, Ann!");
});

Deno.test("requestState: a number out of range is not the null that it would be written as", async () => {
  await using server = await startAsking({ transport: "stdio" });
  const client = new ModernCaller(server);
  const retry = async (number: string, requestState: string) => {
    const params = {
      name: "catches",
      arguments: { n: "a number" },
      requestState,
      inputResponses: { answer: accepted("a") },
      _meta: envelope({}, ALL),
    };
    const text = JSON.stringify({ jsonrpc: "2.0", id: "retry", method: "tools/call", params });
    return await server.send(text.replace('"a number"', number), "retry");
  };
  const { requestState } = await client.asked("catches", { arguments: { n: null } });
  for (const number of ["1e999", "-1e999"]) assertRefused(await retry(number, requestState));
  assertEquals(textOf(complete(await retry("null", requestState))), "accept");
});

Deno.test("requestState: the operator learns why one is refused, and the client does not", async () => {
  await using server = await startAsking({ transport: "stdio", flags: ["--log-level", "info"] });
  const client = new ModernCaller(server);
  const { requestState } = await client.asked("greet");
  const texts = new Set<string | undefined>();
  for (const more of [{ arguments: { greeting: "x" } }, { requestState: "v1.a.b" }]) {
    const { error } = await client.call("greet", { requestState, ...more });
    texts.add(error?.message);
  }
  assertEquals(texts.size, 1);
  await server.stop();
  const log = server.stderr.join("\n");
  assertMatch(log, /A requestState was refused as it was changed, or is of another/);
  assertMatch(log, /A requestState was refused as its key is not known here/);
  assert(!log.includes(requestState.slice(0, 40)));
});

Deno.test("a legacy error that asks for a URL becomes an input request", async () => {
  await using server = await startAsking({ transport: "stdio" });
  const client = new ModernCaller(server);
  const { inputRequests, requestState } = await client.asked("by_url");
  assertEquals(inputRequests, {
    url_1: {
      method: "elicitation/create",
      params: { mode: "url", message: "Sign in", url: "https://example.com/sign-in" },
    },
  });
  const inputResponses = { url_1: { action: "accept" } };
  assertEquals(textOf(await client.done("by_url", { inputResponses, requestState })), "done");
});

Deno.test("ask: after the answer it fails, and the process lives on", async () => {
  await using server = await startAsking({ transport: "stdio" });
  const client = new ModernCaller(server);
  await client.done("asks_late");
  assertMatch(`${textOf(await client.done("late_outcome"))}`, /its request is answered/);
});
