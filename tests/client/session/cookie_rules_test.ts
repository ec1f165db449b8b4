/** The cookie rules, for every order of answers. */

import { assertEquals } from "@std/assert";
import {
  created,
  lost,
  mergeConcurrent,
  mergeListed,
  resumed,
  takeOver,
} from "../../../client/session/cookie_rules.ts";
import type { HeldCookie } from "../../../protocol/cookie.ts";

const A: HeldCookie = { id: "a", data: { createdAt: "1" } };
const LATER: HeldCookie = { id: "a", expiry: "2099-01-01T00:00:00Z", data: { createdAt: "1" } };
const B: HeldCookie = { id: "b", data: { reason: "tool/new", createdAt: "2" } };
const LAZY: HeldCookie = { id: "c", data: { reason: "lazy/tools/call", createdAt: "3" } };
const RENAMED: HeldCookie = { id: "d", data: { reason: "lazy/tools/call", createdAt: "3" } };

const TAKEN: [
  claim: string,
  held: HeldCookie | undefined,
  carried: string | undefined,
  received: HeldCookie | null | undefined,
  after: HeldCookie | undefined,
  told: string[],
][] = [
  ["a renewed cookie is held", A, "a", LATER, LATER, []],
  ["a result without a cookie changes nothing", A, "a", undefined, A, []],
  ["null ends the session", A, "a", null, undefined, ["revoked"]],
  ["null where none is held changes nothing", undefined, undefined, null, undefined, []],
  ["another session replaces the held one", A, "a", B, B, ["replaced"]],
  ["a lazy session ends the held one", A, "a", LAZY, LAZY, ["lost", "created"]],
  ["a lazy session may get a new id", LAZY, "c", RENAMED, RENAMED, ["replaced"]],
  ["a session made for a call that carried none", undefined, undefined, LAZY, LAZY, ["created"]],
  ["a late renewal of an older session", B, "a", LATER, B, []],
  ["a late replacement of an older session", B, "a", LAZY, B, []],
  ["a late null for an older session", B, "a", null, B, []],
  ["a late renewal after null", undefined, "a", LATER, undefined, []],
  ["a late null after null", undefined, "a", null, undefined, []],
  ["a late lazy session after another", A, undefined, LAZY, A, []],
  ["a late null for a call without a session", A, undefined, null, A, []],
];

for (const [claim, held, carried, received, after, told] of TAKEN) {
  Deno.test(`takeOver: ${claim}`, () => {
    const change = takeOver(held, carried, received);
    assertEquals(change === undefined ? held : change.cookie, after);
    assertEquals(change?.events.map(({ type }) => type) ?? [], told);
  });
}

Deno.test("takeOver: an event names the previous session and the new one", () => {
  assertEquals(takeOver(A, "a", B)?.events, [{ type: "replaced", cookie: B, previous: A }]);
  assertEquals(takeOver(A, "a", null)?.events, [{ type: "revoked", previous: A }]);
  assertEquals(lost(A), { cookie: undefined, events: [{ type: "lost", previous: A }] });
});

Deno.test("created, resumed, takeOver: hold a cookie that is too large by its id alone", () => {
  const fits = { id: "a", data: { note: "x".repeat(15_000) } };
  const big = { id: "a", data: { note: "x".repeat(17_000) } };
  for (const hold of [created, (cookie: HeldCookie) => resumed(cookie, true)]) {
    assertEquals(hold(fits).cookie, fits);
    assertEquals(hold(big).cookie, { id: "a" });
  }
  assertEquals(takeOver(A, "a", big)?.cookie, { id: "a" });
  assertEquals(takeOver(fits, "a", big)?.cookie, fits, "old state is kept");
});

const CARRIED: HeldCookie = { id: "a", data: { title: "t", one: "1", two: "2" } };
const SINCE: HeldCookie = { id: "a", data: { title: "t", one: "1", two: "II", three: "3" } };

const LATE: readonly [claim: string, received: HeldCookie, after: HeldCookie][] = [
  ["data that a call gives back unchanged undoes nothing", CARRIED, SINCE],
  [
    "its changes, additions and removals count, and its expiry",
    { id: "a", expiry: "2099-01-01T00:00:00Z", data: { one: "I", two: "2", four: "4" } },
    {
      id: "a",
      expiry: "2099-01-01T00:00:00Z",
      data: { one: "I", two: "II", three: "3", four: "4" },
    },
  ],
  ["the data that it removed is gone", { id: "a" }, { id: "a", data: { three: "3" } }],
  ["another session's cookie is taken unchanged", B, B],
];

for (const [claim, received, after] of LATE) {
  Deno.test(`mergeConcurrent: ${claim}`, () =>
    assertEquals(mergeConcurrent(SINCE, CARRIED, received), after));
}

Deno.test("mergeConcurrent: takes an answer without concurrent changes unchanged", () => {
  assertEquals(mergeConcurrent(CARRIED, CARRIED, A), A);
  assertEquals(mergeConcurrent(SINCE, CARRIED, null), null);
  assertEquals(mergeConcurrent(SINCE, CARRIED, undefined), undefined);
});

const HELD: HeldCookie = {
  id: "a",
  expiry: "2099-01-01T00:00:00Z",
  data: { title: "t", kept: "k" },
};

const LISTED: readonly [claim: string, found: HeldCookie, merged: HeldCookie][] = [
  ["a listed id alone removes nothing", { id: "a" }, HELD],
  [
    "the server's expiry counts",
    { id: "a", expiry: "2100-01-01T00:00:00Z" },
    { ...HELD, expiry: "2100-01-01T00:00:00Z" },
  ],
  ["data that the list lacks is kept", { id: "a", data: {} }, HELD],
  [
    "data that the list adds is taken, and nothing undone",
    { id: "a", data: { title: "t", kept: "as it once was", more: "m" } },
    { ...HELD, data: { title: "t", kept: "k", more: "m" } },
  ],
  ["too large a merged cookie is not taken", { id: "a", data: { x: "x".repeat(17_000) } }, HELD],
];

for (const [claim, found, merged] of LISTED) {
  Deno.test(`mergeListed: ${claim}`, () => assertEquals(mergeListed(HELD, found), merged));
}

Deno.test("mergeListed: makes no data of none", () => {
  assertEquals(mergeListed({ id: "a" }, { id: "a" }), { id: "a" });
});
