import { assertEquals, assertThrows } from "@std/assert";
import { StoreError } from "../../../store/mod.ts";
import {
  DEFAULT_LIMITS,
  type SessionRecord,
  type StoreLimits,
} from "../../../store/session_store.ts";
import {
  decideCreate,
  decideDelete,
  decideFork,
  decideRegenerate,
  decideTransact,
  unwrap,
} from "../../../store/table/commands.ts";
import { SessionTable } from "../../../store/table/session_table.ts";
import { checkTransaction } from "../../../store/validation.ts";
import { record } from "../../support/store/stores.ts";

const NOW = 1000;

function context(table: SessionTable, limits: Partial<StoreLimits> = {}) {
  return { table, now: NOW, limits: { ...DEFAULT_LIMITS, ...limits } };
}

/** A table with these sessions, each with a state of one key. */
function tableOf(...records: SessionRecord[]): SessionTable {
  const table = new SessionTable();
  for (const session of records) {
    table.apply({ kind: "put", record: session });
    const { stateId, toolCalls, expiresAt } = session;
    table.apply({ kind: "use", stateId, toolCalls, expiresAt, writes: [["key", "1"]] });
  }
  return table;
}

const live = record("live", { owner: "ann", alias: "work" });
const hidden = (id: string, expiresAt: number) => record(id, { owner: "ann", expiresAt });

Deno.test("decideCreate() puts a session, gives a namesake, and conflicts with a live id", () => {
  const table = tableOf(live);
  const other = record("other", { owner: "ann" });
  assertEquals(decideCreate(context(table), other).changes, [{ kind: "put", record: other }]);
  const namesake = decideCreate(context(table), { ...other, alias: "work" });
  assertEquals([namesake.changes, unwrap(namesake).id], [[], "live"]);
  assertThrows(() => decideCreate(context(table), live), StoreError, "already");
});

Deno.test("decideCreate() evicts hidden sessions by expiry, and is full of live ones", () => {
  const table = tableOf(live, hidden("b", NOW - 1), hidden("a", NOW - 2));
  const { changes } = decideCreate(context(table, { sessions: 3 }), record("new"));
  assertEquals(changes[0], { kind: "drop", stateId: "state-a" });
  assertEquals(changes.length, 2);
  const full = decideCreate(context(table, { sessions: 1 }), record("new"));
  // The evicted sessions are dropped all the same.
  assertEquals(full.changes.map(({ kind }) => kind), ["drop", "drop"]);
  assertThrows(() => unwrap(full), StoreError, "which is the limit");
});

Deno.test("decideFork(), decideRegenerate() and decideDelete() do nothing without a live session", () => {
  const at = context(tableOf(live, hidden("gone", NOW)));
  const fork = decideFork(at, "live", record("fork"));
  assertEquals(fork.changes.at(-1), {
    kind: "use",
    stateId: "state-fork",
    toolCalls: 0,
    expiresAt: record("fork").expiresAt,
    writes: [["key", "1"]],
  });
  assertEquals(unwrap(decideRegenerate(at, "live", "new"))?.id, "new");
  assertEquals(unwrap(decideDelete(at, "live")), true);
  const nothing = [
    decideFork(at, "gone", record("fork")),
    decideRegenerate(at, "gone", "new"),
    decideDelete(at, "gone"),
  ];
  assertEquals(nothing.flatMap(({ changes }) => changes), []);
});

Deno.test("decideTransact() writes nothing for an idle transaction, nor past a limit", () => {
  const table = tableOf(live);
  const decide = (value: unknown, limits?: Partial<StoreLimits>) => {
    const set: [string, string][] = value === undefined ? [] : [["more", `${value}`]];
    const transaction = checkTransaction({
      keys: ["key"],
      update: (state) => ({ value: state.get("key"), set }),
    });
    return decideTransact(context(table, limits), "live", transaction);
  };
  const idle = decide(undefined);
  assertEquals([idle.changes, unwrap(idle)?.value], [[], 1]);
  assertEquals(decide("x").changes.length, 1);
  assertThrows(() => decide("x", { bytesPerSession: 8 }), StoreError, "at most 8 bytes");
  assertThrows(() => unwrap(decide("x", { bytes: 8 })), StoreError, "at most 8 bytes");
});
