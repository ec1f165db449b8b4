import { assertEquals } from "@std/assert";
import { asMessage, cancelledId, readMessage } from "../../jsonrpc/message.ts";

const read = (text: string) => {
  const incoming = readMessage(new TextEncoder().encode(text), asMessage);
  if (incoming.kind === "message") return incoming.message;
  return [incoming.kind, incoming.id, incoming.error.code];
};

const error = { code: 1, message: "x" };

Deno.test.each<readonly [what: string, members: object, read: object]>([
  ["a request", { id: 1, method: "ping", x: 2 }, { id: 1, method: "ping", x: 2 }],
  ["params that are null", { id: "a", method: "x", params: null }, { id: "a", method: "x" }],
  ["a result", { id: 1, result: {} }, { id: 1, result: {} }],
  ["a result beside an error that is null", { id: 1, result: {}, error: null }, {
    id: 1,
    result: {},
  }],
  ["an error beside a result that is null", { id: 1, result: null, error }, { id: 1, error }],
])("readMessage(): reads %s", (_what, members, message) => {
  assertEquals<unknown>(read(JSON.stringify({ jsonrpc: "2.0", ...members })), {
    jsonrpc: "2.0",
    ...message,
  });
});

Deno.test.each<readonly [what: string, text: string, refusal: unknown[]]>([
  ["no JSON", "{", ["error", null, -32700]],
  ["no UTF-8 text of JSON", "\u0000", ["error", null, -32700]],
  ["a batch", "[]", ["error", null, -32600]],
  ["another version", '{"jsonrpc":"1.0","id":1,"method":"ping"}', ["error", 1, -32600]],
  ["an id that is none", '{"jsonrpc":"2.0","id":1.5,"method":"ping"}', ["error", null, -32600]],
  ["params that are a list", '{"jsonrpc":"2.0","id":1,"method":"x","params":[]}', [
    "error",
    1,
    -32602,
  ]],
  ["an error without a message", '{"jsonrpc":"2.0","id":1,"error":{"code":1}}', [
    "stray",
    1,
    -32600,
  ]],
  [
    "objects in one another past the limit",
    `{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":${"[".repeat(128)}${"]".repeat(128)}}}`,
    ["error", 1, -32600],
  ],
])("readMessage(): refuses %s", (_what, text, refusal) => {
  assertEquals<unknown>(read(text), refusal);
});

Deno.test("cancelledId(): is an id of a request, and only of a cancellation", () => {
  const params = { requestId: 7 };
  assertEquals(cancelledId({ method: "notifications/cancelled", params }), 7);
  assertEquals(cancelledId({ method: "notifications/progress", params }), undefined);
  assertEquals(
    cancelledId({ method: "notifications/cancelled", params: { requestId: {} } }),
    undefined,
  );
});
