/**
 * The rules of the held cookie, in every order in which answers can come.
 */

import { assertEquals } from "@std/assert";
import {
  created,
  lost,
  resumed,
  takeOver,
  upToDate,
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
  ["a result without a cookie says nothing", A, "a", undefined, A, []],
  ["null ends the session", A, "a", null, undefined, ["revoked"]],
  ["null where none is held says nothing new", undefined, undefined, null, undefined, []],
  ["another session takes the place", A, "a", B, B, ["replaced"]],
  ["a session that the server made by itself means the old one is lost", A, "a", LAZY, LAZY, [
    "lost",
    "created",
  ]],
  ["a lazy session of old may get a new id", LAZY, "c", RENAMED, RENAMED, ["replaced"]],
  ["a session made for a call that carried none", undefined, undefined, LAZY, LAZY, ["created"]],
  ["a late renewal of an older session", B, "a", LATER, B, []],
  ["a late replacement of an older session", B, "a", LAZY, B, []],
  ["a late null for an older session", B, "a", null, B, []],
  ["a late renewal after null", undefined, "a", LATER, undefined, []],
  ["a late null after null", undefined, "a", null, undefined, []],
  ["a session made for a call from before there was one", A, undefined, LAZY, A, []],
  ["a null for a call from before there was one", A, undefined, null, A, []],
];

for (const [claim, held, carried, received, after, told] of TAKEN) {
  Deno.test(`takeOver: ${claim}`, () => {
    const change = takeOver(held, carried, received);
    assertEquals(change === undefined ? held : change.cookie, after);
    assertEquals(change?.events.map(({ type }) => type) ?? [], told);
  });
}

Deno.test("takeOver: an event names the session that was, and the one that is", () => {
  assertEquals(takeOver(A, "a", B)?.events, [{ type: "replaced", cookie: B, previous: A }]);
  assertEquals(takeOver(A, "a", null)?.events, [{ type: "revoked", previous: A }]);
  assertEquals(lost(A), { cookie: undefined, events: [{ type: "lost", previous: A }] });
});

Deno.test("held: a cookie too big to carry is held by its id alone", () => {
  const fits = { id: "a", data: { note: "x".repeat(15_000) } };
  const big = { id: "a", data: { note: "x".repeat(17_000) } };
  for (const hold of [created, (cookie: HeldCookie) => resumed(cookie, true)]) {
    assertEquals(hold(fits).cookie, fits);
    assertEquals(hold(big).cookie, { id: "a" });
  }
  assertEquals(takeOver(A, "a", big)?.cookie, { id: "a" });
  assertEquals(takeOver(fits, "a", big)?.cookie, fits, "state is better as it was than gone");
});

const CARRIED: HeldCookie = { id: "a", data: { title: "t", one: "1", two: "2" } };
const SINCE: HeldCookie = { id: "a", data: { title: "t", one: "1", two: "II", three: "3" } };

const LATE: readonly [claim: string, received: HeldCookie, after: HeldCookie][] = [
  ["what a call gives back as it was undoes nothing", CARRIED, SINCE],
  [
    "what it has changed, added and removed counts, its expiry too",
    { id: "a", expiry: "2099-01-01T00:00:00Z", data: { one: "I", two: "2", four: "4" } },
    {
      id: "a",
      expiry: "2099-01-01T00:00:00Z",
      data: { one: "I", two: "II", three: "3", four: "4" },
    },
  ],
  ["what it took out is gone", { id: "a" }, { id: "a", data: { three: "3" } }],
  ["another session's cookie is taken as it is", B, B],
];

for (const [claim, received, after] of LATE) {
  Deno.test(`upToDate: ${claim}`, () => assertEquals(upToDate(SINCE, CARRIED, received), after));
}

Deno.test("upToDate: an answer with nothing in between is taken as it is", () => {
  assertEquals(upToDate(CARRIED, CARRIED, A), A);
  assertEquals([upToDate(SINCE, CARRIED, null), upToDate(SINCE, CARRIED, undefined)], [
    null,
    undefined,
  ]);
});
