import { assert, assertEquals, assertThrows } from "@std/assert";
import { canBeFound, checkTimeout, checkTransaction, used } from "../../store/validation.ts";
import { record } from "../support/store/stores.ts";

Deno.test("used() adds calls, and prolongs a session up to its end, but never shortens it", () => {
  const session = record("sess-1", { expiresAt: 10, endsAt: 30, toolCalls: 1 });
  for (const [expiresAt, expected] of [[5, 10], [20, 20], [40, 30]] as const) {
    const after = used(session, { calls: 2, expiresAt });
    assertEquals(after, { ...session, toolCalls: 3, expiresAt: expected });
    assert(after.data !== session.data);
  }
  assertEquals(used({ ...session, endsAt: null }, { calls: 0, expiresAt: 40 }).expiresAt, 40);
});

Deno.test("canBeFound() is false for ids and aliases that are malformed or too long", () => {
  for (const text of ["", "\ud800"]) {
    assert(!canBeFound(text));
    assert(!canBeFound({ owner: text, alias: "work" }));
    assert(!canBeFound({ owner: null, alias: text }));
  }
  assert(!canBeFound("x".repeat(257)));
  assert(canBeFound("é".repeat(128)));
  assert(!canBeFound({ owner: null, alias: "x".repeat(513) }));
  assert(canBeFound({ owner: "ann", alias: "work" }));
});

Deno.test("checkTimeout() cuts a timeout to the longest of a timer", () => {
  assertEquals([0, 5, Infinity].map((ms) => checkTimeout("ms", ms)), [0, 5, 2 ** 31 - 1]);
  for (const ms of [-1, NaN]) assertThrows(() => checkTimeout("ms", ms), RangeError, `${ms}`);
});

Deno.test("checkTransaction() copies the keys, and checks the result of the function", () => {
  const keys = ["a"];
  const checked = checkTransaction({ keys, update: () => ({ value: 1, set: [["a", 2]] }) });
  keys[0] = "b";
  assertEquals([checked.keys, checked.calls, checked.expiresAt, checked.durable], [
    ["a"],
    0,
    0,
    true,
  ]);
  assertEquals(checked.update(new Map(), record("sess-1")), { value: 1, set: [["a", 2]] });
  const { update } = checkTransaction({ update: () => JSON.parse("[]") });
  assertThrows(() => update(new Map(), record("sess-1")), TypeError, "an array");
});
