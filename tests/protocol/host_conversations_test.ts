import { assertEquals } from "@std/assert";
import {
  CONVERSATION_KEYS,
  type ConversationKey,
  conversationOf,
} from "../../protocol/host_conversations.ts";

const ZCODE = "com.zcode/request-context/session_id";

Deno.test("CONVERSATION_KEYS: are the keys of the contract, in order", () => {
  assertEquals(CONVERSATION_KEYS.map((path) => path.join(" → ")), [
    "vscode.conversationId",
    "threadId",
    "x-codex-turn-metadata → session_id",
    "openai/session",
    "ai.opencode/sessionID",
    "agent-session-id",
    "antigravity.google/conversation_id",
    "com.zcode/request-context → session_id",
  ]);
});

Deno.test.each<readonly [key: ConversationKey, meta: unknown, found: string | undefined]>([
  // A whole key counts before any path that it could be, as keys contain slashes.
  ["a/b", { "a/b": "x" }, "a/b = x"],
  ["a/b", { "a/b": "x", a: { b: "y" } }, "a/b = x"],
  ["a/b", { a: { b: "y" } }, "a.b = y"],
  ["a/b/c", { a: { b: { c: "z" } } }, "a.b.c = z"],
  ["a/b/c", { a: { "b/c": "z", b: { c: "y" } } }, "a.b/c = z"],
  [
    ZCODE,
    { "com.zcode/request-context": { session_id: "s" } },
    "com.zcode/request-context.session_id = s",
  ],
  // The longest beginning that exists decides, even if nothing follows it.
  ["a/b/c", { "a/b": { c: "x" }, a: { "b/c": "y" } }, "a/b.c = x"],
  ["a/b/c", { "a/b": {}, a: { "b/c": "y" } }, undefined],
  ["a/b/c", { "a/b": "text", a: { "b/c": "y" } }, undefined],
  ["a/b", { "a/b": {}, a: { b: "y" } }, "unreadable"],
  // `null` and "" are absent, at each level.
  ["a/b", { "a/b": null, a: { b: "y" } }, "a.b = y"],
  ["a/b", { "a/b": "", a: { b: "y" } }, "a.b = y"],
  ["a/b/c", { a: { "b/c": "", b: { c: "y" } } }, "a.b.c = y"],
  ["a/b", { a: { b: null } }, undefined],
  ["a/b", { a: { b: "" } }, undefined],
  ["a/b", { a: null }, undefined],
  ["a/b", {}, undefined],
  ["a/b", undefined, undefined],
  // JSON in a string, at each level.
  ["a/b", { a: '{"b":"y"}' }, "a.b = y"],
  ["a/b/c", { a: '{"b":"{\\"c\\":7}"}' }, "a.b.c = 7"],
  ["a/b/c", { a: '{"b/c":"y"}' }, "a.b/c = y"],
  ["a/b", { a: '{"b":' }, undefined],
  ["a/b", { "a/b": '{"b":"y"}' }, 'a/b = {"b":"y"}'],
  // A value that is no id is not absent.
  ...[{}, [], true, false, NaN, Infinity, 0.5, 2 ** 53].map((id) =>
    ["a/b", { a: { b: id } }, "unreadable"] as const
  ),
  ["a/b", { a: { b: 0 } }, "a.b = 0"],
  // An empty name is a name like any other.
  ["a//b", { "a//b": "x" }, "a//b = x"],
  ["a//b", { "a/": { b: "x" } }, "a/.b = x"],
  ["a//b", { a: { "/b": "x" } }, "a./b = x"],
  ["a//b", { a: { "": { b: "x" } } }, "a..b = x"],
  ["a/", { "a/": "x" }, "a/ = x"],
  ["a/", { a: { "": "x" } }, "a. = x"],
  ["a/", { a: "x" }, undefined],
  ["/a", { "": { a: "x" } }, ".a = x"],
  ["/", { "": { "": "x" } }, ". = x"],
  // Inherited members are absent.
  ["constructor/name", {}, undefined],
  ["a/length", { a: "text" }, undefined],
  ["a/length", { a: [1] }, undefined],
  ["__proto__/toString", {}, undefined],
  ["__proto__/a", JSON.parse('{"__proto__":{"a":"x"}}'), "__proto__.a = x"],
  // An array is taken as it stands.
  [["a", "b"], { "a/b": "x", a: { b: "y" } }, "a.b = y"],
  [["a/b"], { a: { b: "y" } }, undefined],
])("conversationOf: %j in %j is %s", (key, _meta, found) => {
  const conversation = conversationOf({ _meta }, [key]);
  const shown = typeof conversation === "object"
    ? `${conversation.key} = ${conversation.id}`
    : conversation;
  assertEquals(shown, found);
});

Deno.test("conversationOf: an unreadable id gives way to an id under a later key", () => {
  const _meta = { a: {}, b: "x" };
  assertEquals(conversationOf({ _meta }, ["a", "b"]), { key: "b", id: "x" });
  assertEquals(conversationOf({ _meta }, ["a", "c"]), "unreadable");
});
