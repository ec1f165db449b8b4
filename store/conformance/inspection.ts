/**
 * The cases of an inspector: what an operator reads of a store.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type {
  InspectOwnersOptions,
  InspectSessionsOptions,
  StoreInspector,
} from "../inspection.ts";
import { INTERNAL_OWNER, type SessionStore } from "../session_store.ts";
import {
  type Case,
  type CaseContext,
  fill,
  listOf,
  other,
  put,
  record,
  refused,
  renew,
} from "./cases.ts";

/** What a case of an inspector gets; the store is of the server `test`. */
export interface InspectorContext extends CaseContext {
  /** Opens an inspector of the same place; closed with the case. */
  inspect(): Promise<StoreInspector>;
}

export const inspectionCases: Case<InspectorContext>[] = [];
const add = listOf(inspectionCases);

const test = { namespace: "test" };
const HOUR_MS = 60 * 60 * 1000;

async function idsOf(inspector: StoreInspector, options: Partial<InspectSessionsOptions> = {}) {
  const sessions = await inspector.sessions({ ...test, limit: 99, ...options });
  return sessions.map(({ record: { id } }) => id);
}

async function ownersOf(inspector: StoreInspector, options: Partial<InspectOwnersOptions> = {}) {
  const owners = await inspector.owners({ ...test, limit: 99, ...options });
  return owners.map(({ owner, sessions }) => [owner, sessions]);
}

/** The stateIds of all sessions, page after page. */
async function walk(
  inspector: StoreInspector,
  limit: number,
  between: (pages: number) => Promise<unknown> = () => Promise.resolve(),
) {
  const pages: string[][] = [];
  let after: string | undefined;
  for (;;) {
    const page = await inspector.sessions({ ...test, after, limit });
    pages.push(page.map(({ record: { stateId } }) => stateId));
    after = pages.at(-1)!.at(-1);
    if (page.length < limit || after === undefined) return pages.flat();
    await between(pages.length);
  }
}

/** Three sessions of alice, one of bob, two anonymous ones, and a record of the server's own. */
async function make(store: SessionStore) {
  const owners = ["alice", null, "bob", "alice", null, "alice"];
  for (const [index, owner] of owners.entries()) {
    await store.create(record(`sess-${index}`, { owner, stateId: `0${index}` }));
  }
  await store.create(record("own", { owner: INTERNAL_OWNER, alias: "a key" }));
}

add("servers() has each server with sessions, by name", async ({ store, another, inspect }) => {
  const inspector = await inspect();
  assertEquals(await inspector.servers(), []);
  await store.create(record("sess-1"));
  await (await another("a server")).create(record("sess-1"));
  await (await another("a server")).create(record("sess-2", { owner: "alice" }));
  await (await another("no sessions")).create(record("own", { owner: INTERNAL_OWNER }));
  await (await another("{odd} é\u{1f600}%:*")).create(record("sess-1"));
  const servers = await inspector.servers();
  assertEquals(servers.map(({ namespace, sessions }) => [namespace, sessions]), [
    ["a server", 2],
    ["test", 1],
    ["{odd} é\u{1f600}%:*", 1],
  ]);
  await store.delete("sess-1");
  assertEquals((await inspector.servers()).length, 2);
});

add(
  "servers() counts live sessions, and the bytes that are kept",
  async ({ store, clock, inspect }) => {
    await make(store);
    await put(store, "sess-0", ["key", "välue"]);
    await put(store, "sess-1", ["k", 1]);
    await renew(store, "sess-0", clock.now + HOUR_MS);
    const inspector = await inspect();
    const [before] = await inspector.servers();
    assertEquals(before?.sessions, 6);
    // Some backends do not count them.
    const bytes = before?.bytes;
    assert(bytes === undefined || bytes === 3 + 8 + 2, `${bytes} bytes`);
    clock.now += HOUR_MS / 2;
    assertEquals((await inspector.servers()).map(({ sessions }) => sessions), [1]);
    assertEquals(await idsOf(inspector), ["sess-0"]);
    clock.now += HOUR_MS;
    assertEquals(await inspector.servers(), []);
  },
);

add(
  "owners() counts each owner's live sessions, anonymous ones first",
  async ({ store, clock, inspect }) => {
    await make(store);
    await renew(store, "sess-3", clock.now + HOUR_MS);
    await renew(store, "sess-4", clock.now + HOUR_MS);
    const inspector = await inspect();
    assertEquals(await ownersOf(inspector), [[null, 2], ["alice", 3], ["bob", 1]]);
    assertEquals(await ownersOf(inspector, { namespace: "another" }), []);
    clock.now += HOUR_MS / 2;
    assertEquals(await ownersOf(inspector), [[null, 1], ["alice", 1]]);
    await store.delete("sess-4");
    assertEquals(await ownersOf(inspector), [["alice", 1]]);
  },
);

add("owners() is in byte order, in pages", async ({ store, inspect }) => {
  const owners = ["", "A", "a", "a b", "aé", "b\0c", "\u{ff5e}", "\u{1f600}"].slice(1);
  for (const [index, owner] of [...owners, null].entries()) {
    await store.create(record(`sess-${index}`, { owner }));
  }
  const inspector = await inspect();
  const all = (await ownersOf(inspector)).map(([owner]) => owner);
  assertEquals(all, [null, ...owners]);
  const names = async (after: string | null | undefined, limit: number) =>
    (await ownersOf(inspector, { after, limit })).map(([owner]) => owner);
  assertEquals(await names(undefined, 2), [null, "A"]);
  assertEquals(await names(null, 2), ["A", "a"]);
  assertEquals(await names("A", 3), ["a", "a b", "aé"]);
  assertEquals(await names("a a", 1), ["a b"]);
  assertEquals(await names("\u{ff5e}", 9), ["\u{1f600}"]);
  assertEquals(await names("\u{1f600}", 9), []);
  assertEquals(await names(undefined, 0), []);
});

add("sessions() is by age, of all owners or of one, in pages", async ({ store, inspect }) => {
  await make(store);
  const inspector = await inspect();
  const all = ["sess-0", "sess-1", "sess-2", "sess-3", "sess-4", "sess-5"];
  assertEquals(await idsOf(inspector), all);
  assertEquals(await idsOf(inspector, { limit: 2 }), all.slice(0, 2));
  assertEquals(await idsOf(inspector, { limit: 2, after: "01" }), all.slice(2, 4));
  assertEquals(await idsOf(inspector, { limit: 3, after: "035" }), all.slice(4));
  assertEquals(await idsOf(inspector, { limit: 0 }), []);
  assertEquals(await idsOf(inspector, { owner: "alice" }), ["sess-0", "sess-3", "sess-5"]);
  assertEquals(await idsOf(inspector, { owner: "alice", after: "00", limit: 1 }), ["sess-3"]);
  assertEquals(await idsOf(inspector, { owner: null }), ["sess-1", "sess-4"]);
  assertEquals(await idsOf(inspector, { owner: "nobody" }), []);
  assertEquals(await idsOf(inspector, { owner: INTERNAL_OWNER }), ["own"]);
  assertEquals(await idsOf(inspector, { namespace: "another" }), []);
});

add("sessions() has each record as the store has it, and its bytes", async ({ store, inspect }) => {
  const session = record("sess-1", {
    owner: "alice",
    alias: "work",
    endsAt: 1_900_000_000_000,
    data: { title: "é\u{1f600}", reason: "" },
  });
  await store.create(session);
  const inspector = await inspect();
  assertEquals(await inspector.sessions({ ...test, limit: 9 }), [{ record: session, bytes: 0 }]);
  await put(store, "sess-1", ["key", { a: "é" }], ["gone", 1]);
  await put(store, "sess-1", ["gone", undefined]);
  await store.regenerate("sess-1", "sess-2");
  const used = await store.transact("sess-2", { calls: 2, update: () => ({ value: 0 }) });
  const [found, ...others] = await inspector.sessions({ ...test, limit: 9 });
  assertEquals(found, { record: used!.session, bytes: 3 + 10 });
  assertEquals(others, []);
  other<Record<string, string>>(found!.record.data)["title"] = "changed";
  assertEquals((await store.get("sess-2"))?.data, session.data);
});

add("sessions() in pages has each session once that stays", async ({ store, inspect }) => {
  const name = (i: number) => String(i).padStart(4, "0");
  const all = Array.from({ length: 720 }, (_, i) => name(i));
  await Promise.all(
    all.map((stateId) =>
      store.create(record(`sess-${stateId}`, { stateId, owner: `owner ${stateId.at(-1)}` }))
    ),
  );
  const inspector = await inspect();
  assertEquals(await walk(inspector, 1000), all);
  const gone: string[] = [];
  const walked = await walk(inspector, 100, async (pages) => {
    const next = 100 * pages;
    // Behind the walk, and before it.
    for (const each of [next - 50, next + 10]) {
      gone.push(name(each));
      await store.delete(`sess-${name(each)}`);
    }
    await store.regenerate(`sess-${name(next + 11)}`, `sess-${name(next + 11)}-again`);
    await store.create(record(`sess-${next}-new`, { stateId: `${name(next + 12)}-new` }));
  });
  const stays = all.filter((stateId) => !gone.includes(stateId));
  assertEquals(walked.filter((stateId) => stays.includes(stateId)), stays);
  assertEquals(new Set(walked).size, walked.length);
  assert(!walked.some((stateId) => /^0[1-7]10$/.test(stateId)), "one that had ended is there");
});

add("entries() has a state in pages, by the session's stateId", async ({ store, inspect }) => {
  await store.create(record("sess-1"));
  await store.create(record("sess-2"));
  await fill(store, "sess-1", 1200);
  await put(store, "sess-1", ["a", null], ["b", { c: [1, "é"] }]);
  const inspector = await inspect();
  const entries = (options: { prefix?: string; after?: string; limit: number }) =>
    inspector.entries({ ...test, stateId: "state-sess-1", ...options });
  assertEquals(await entries({ limit: 2 }), [["a", null], ["b", { c: [1, "é"] }]]);
  assertEquals((await entries({ limit: 5000 }))?.length, 1202);
  assertEquals(await entries({ prefix: "key", after: "key 001197", limit: 9 }), [
    ["key 001198", 1000],
    ["key 001199", 1000],
  ]);
  assertEquals(await entries({ prefix: "key", limit: 1 }), [["key 000000", 0]]);
  assertEquals(await entries({ limit: 0 }), []);
  await store.regenerate("sess-1", "sess-3");
  assertEquals(await entries({ limit: 1 }), [["a", null]]);
  assertEquals(await inspector.entries({ ...test, stateId: "state-sess-2", limit: 9 }), []);
});

add("entries() has no state of a session that has ended", async ({ store, clock, inspect }) => {
  await store.create(record("sess-1"));
  await store.create(record("sess-2"));
  await put(store, "sess-1", ["a", 1]);
  await put(store, "sess-2", ["a", 1]);
  const inspector = await inspect();
  const of = (stateId: string, namespace = "test") =>
    inspector.entries({ namespace, stateId, limit: 9 });
  assertEquals(await of("state-sess-1"), [["a", 1]]);
  assertEquals(await of("state-sess-1", "another"), undefined);
  for (const none of ["state-sess-3", "sess-1", "", "x".repeat(3000)]) {
    assertEquals(await of(none), undefined);
  }
  await store.delete("sess-1");
  assertEquals(await of("state-sess-1"), undefined);
  clock.now += HOUR_MS;
  assertEquals(await of("state-sess-2"), undefined);
});

add("what is written is seen by an inspector that was open before", async ({ store, inspect }) => {
  const inspector = await inspect();
  for (let i = 0; i < 5; i++) {
    await store.create(record(`sess-${i}`, { owner: "alice" }));
    await put(store, `sess-${i}`, ["n", i]);
    assertEquals((await idsOf(inspector)).length, i + 1);
    assertEquals(await ownersOf(inspector), [["alice", i + 1]]);
    const state = await inspector.entries({ ...test, stateId: `state-sess-${i}`, limit: 9 });
    assertEquals(state, [["n", i]]);
  }
});

add("inspecting drops nothing, however long ago it expired", async ({ store, clock, inspect }) => {
  await make(store);
  const { now } = clock;
  clock.now += 1000 * HOUR_MS;
  const inspector = await inspect();
  assertEquals(await inspector.servers(), []);
  assertEquals(await ownersOf(inspector), []);
  assertEquals(await idsOf(inspector), []);
  clock.now = now;
  assertEquals((await store.get("sess-0"))?.stateId, "00");
  assertEquals((await idsOf(inspector)).length, 6);
});

add(
  "an inspector refuses what is malformed, and everything once it is closed",
  async ({ store, inspect }) => {
    await store.create(record("sess-1"));
    const inspector = await inspect();
    for (const limit of [-1, 0.5, NaN]) {
      await assertRejects(() => inspector.owners({ ...test, limit }), RangeError);
      await assertRejects(() => inspector.sessions({ ...test, limit }), RangeError);
      await assertRejects(() => inspector.entries({ ...test, stateId: "x", limit }), RangeError);
    }
    await assertRejects(() => inspector.owners({ namespace: "", limit: 1 }), RangeError);
    await inspector.close();
    await inspector.close();
    await refused("closed", () => inspector.servers());
    await refused("closed", () => inspector.owners({ ...test, limit: 1 }));
    await refused("closed", () => inspector.sessions({ ...test, limit: 1 }));
    await refused("closed", () => inspector.entries({ ...test, stateId: "x", limit: 1 }));
    assertEquals((await store.get("sess-1"))?.id, "sess-1");
  },
);
