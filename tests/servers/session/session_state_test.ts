/** Values that a session cannot keep: an error for the tool, and no more. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { currentSession, type Session } from "../../../servers/base/mod.ts";
import type { Json } from "../../../store/mod.ts";
import { serving } from "../../support/servers/serving.ts";

/** A value that no type allows: for tools that are not type-checked. */
function other<T>(value: unknown): T {
  return value as T;
}

/** Runs a tool that misuses its session, and gives its error. */
async function errorOf(
  use: (session: Session) => Promise<unknown>,
  options: Parameters<typeof serving>[1] & { readonly cookie?: null } = {},
) {
  let error: unknown;
  const tool = async () => {
    const session = currentSession();
    await session.set("kept", 1);
    try {
      await use(session);
    } catch (thrown) {
      error = thrown;
    }
    return { content: [], structuredContent: { kept: await session.get("kept") } };
  };
  await using server = await serving(tool, options);
  const answer = await server.call(options.cookie);
  const left = await server.store.list({ owner: null, limit: 9 });
  const id = left.find(({ alias }) => options.cookie !== null || alias !== null)?.id ?? "none";
  return { error, answer, entries: await server.store.entries(id, { limit: 9 }) };
}

const async = (() => Promise.resolve({ value: 1, set: [["a", 1]] })) as () => unknown;

Deno.test.each<readonly [what: string, use: (session: Session) => Promise<unknown>, told: string]>([
  ["set() of NaN", (session) => session.set("a", NaN), "NaN"],
  [
    "set() of NaN deep within",
    (session) => session.set("a", { b: [1, { c: NaN }] }),
    '["b"][1]["c"]',
  ],
  ["set() of a date", (session) => session.set("a", other(new Date())), "Date"],
  ["set() of a promise", (session) => session.set("a", other(session.get("a"))), "Promise"],
  ["set() of undefined", (session) => session.set("kept", other(undefined)), "delete()"],
  ["set() under no text", (session) => session.set(other(1), 1), "string"],
  ["get() of no text", (session) => session.get(other(undefined)), "string"],
  ["update() that is async", (session) => session.update([], () => other(async())), "async"],
  [
    "update() that gives nothing",
    (session) => session.update([], () => other(undefined)),
    "undefined",
  ],
  [
    "update() that gives pairs",
    (session) => session.update([], () => other([["a", 1]])),
    "an array",
  ],
  ["update() of one key", (session) => session.update(other("a"), () => ({ value: 1 })), "array"],
  ["update() without a function", (session) => session.update([], other(undefined)), "function"],
  ["replace() without a title", (session) => session.replace(other({ reason: "x" })), "data"],
  [
    "replace() with a title of half a character",
    (session) => session.replace({ title: "\ud800", reason: "x" }),
    "Unicode",
  ],
  [
    "replace() with a title that is too long",
    (session) => session.replace({ title: "x".repeat(70_000), reason: "x" }),
    "61440",
  ],
  ["fork() without a title", (session) => session.fork(other({ reason: "x" })), "data"],
])("session: %s is an error for the tool, and changes nothing", async (_what, use, told) => {
  // A session by cookie, and a lazy one by name.
  for (const options of [{}, { local: true, sessionName: "work", cookie: null }]) {
    const { error, answer, entries } = await errorOf(use, options);
    assertStringIncludes(String(error), told);
    assertEquals(entries, [["kept", 1]]);
    assertEquals("result" in answer && answer.result.structuredContent, { kept: 1 });
  }
});

Deno.test("session: an update that throws leaves its session as it was", async () => {
  const boom = () => {
    throw new SyntaxError("This one");
  };
  const { error, entries } = await errorOf((session) => session.update([], boom));
  assertEquals(String(error), "SyntaxError: This one");
  assertEquals(entries, [["kept", 1]]);
});

Deno.test("session: a member that is undefined is left out, and reads the same", async () => {
  const { error, entries } = await errorOf((session) =>
    session.set("a", other<Json>({ b: undefined, c: 1 }))
  );
  assertEquals([error, entries], [undefined, [["a", { c: 1 }], ["kept", 1]]]);
});
