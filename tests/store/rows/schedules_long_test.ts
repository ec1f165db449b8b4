/** All orders in which stores in one place can make their calls, up to a few switches, and random ones. */

import { assert, assertRejects } from "@std/assert";
import { record, renew } from "../../support/store/stores.ts";
import { BEGIN } from "../../support/store/faulty_rows.ts";
import { type MemoryPlace, MemoryRows } from "../../support/store/memory_rows.ts";
import { type Call, Explorer, type Scenario } from "../../support/store/schedules/explorer.ts";
import type { Commit } from "../../../store/rows/rows.ts";
import type { SessionRecord } from "../../../store/mod.ts";

const create = (id: string, rest: Partial<SessionRecord> = {}): Call => (store) =>
  store.create(record(id, { owner: "alice", ...rest }));
/** Expired when the stores begin, so long ago. */
const ago = (ms: number) => ({ expiresAt: BEGIN - ms });
const DAY = 24 * 60 * 60 * 1_000;
const write = (id: string, bytes: number, key = "a"): Call => async (store) => {
  const done = await store.transact(id, {
    keys: [key],
    calls: 1,
    update: (state) => ({ value: state.get(key), set: [[key, "x".repeat(bytes - 3)]] }),
  });
  return done && [done.session.toolCalls, done.value];
};
const get: (id: string) => Call = (id) => (store) => store.get(id);
const byAlias: Call = (store) => store.get({ owner: "alice", alias: "work" });
const end: (id: string) => Call = (id) => (store) => store.delete(id);
const move: (id: string, to: string) => Call = (id, to) => (store) => store.regenerate(id, to);
const fork = (id: string, to: string, rest: Partial<SessionRecord> = {}): Call => (store) =>
  store.fork(id, record(to, { owner: "alice", ...rest }));
const named = { alias: "work" };

const scenarios: Record<string, Scenario> = {
  "new sessions in place of hidden ones": {
    limits: { sessions: 3 },
    before: [
      create("a", ago(30)),
      create("b", ago(40)),
      create("c"),
      (s) => renew(s, "b", BEGIN - 20),
    ],
    programs: [[create("x")], [create("y")]],
  },
  "new sessions of an owner, and the end of one": {
    limits: { sessionsPerOwner: 3 },
    before: [create("a", ago(30)), create("b"), create("c", ago(20))],
    programs: [[create("x")], [create("y")], [end("b"), create("z")]],
  },
  "a sweep while room is made": {
    limits: { sessionsPerOwner: 2 },
    before: [create("a", ago(2 * DAY)), create("b", ago(20))],
    programs: [[create("x", { owner: null })], [create("y")]],
  },
  "states in place of hidden ones": {
    limits: { bytes: 100 },
    before: [create("a", ago(30)), write("a", 60), create("b"), create("c")],
    programs: [[write("b", 40), write("b", 60)], [write("c", 40)]],
  },
  "one alias": {
    limits: { sessionsPerOwner: 1 },
    before: [create("a", { ...named, ...ago(30) })],
    programs: [[create("x", named), write("x", 9)], [create("y", named)], [byAlias]],
  },
  "one alias, for a fork": {
    limits: { bytes: 50 },
    before: [create("a", { ...named, ...ago(30) }), create("b"), write("b", 20)],
    programs: [[fork("b", "x", named), byAlias], [end("b")]],
  },
  "one id": {
    before: [create("a", { stateId: "a" }), create("b", { stateId: "b" })],
    programs: [[move("a", "x"), get("b")], [create("x")], [move("b", "x"), get("a")]],
  },
  "one session, which moves": {
    before: [create("a", named), write("a", 9)],
    programs: [[move("a", "b"), byAlias], [write("a", 20), write("b", 8, "b")], [move("b", "a")]],
  },
  "one session, which ends": {
    limits: { bytes: 70 },
    before: [create("a"), write("a", 30), create("b"), create("c", ago(2 * DAY)), write("c", 20)],
    programs: [[fork("a", "x"), write("a", 40)], [end("a"), write("b", 50)]],
  },
};

for (const [name, scenario] of Object.entries(scenarios)) {
  Deno.test(`schedules: ${name}`, async () => {
    const mostCost = scenario.programs.length === 2 ? 3 : 2;
    const count = await new Explorer(scenario, { mostCost, random: 300 }).explore();
    assert(count > 400, `${count} schedules`);
  });
}

/** Rows with a bug. */
class BrokenRows extends MemoryRows {
  readonly #bug: (commit: Commit) => Partial<Commit>;

  constructor(place: MemoryPlace, bug: (commit: Commit) => Partial<Commit>) {
    super(place);
    this.#bug = bug;
  }

  override commit(commit: Commit) {
    return super.commit({ ...commit, ...this.#bug(commit) });
  }
}

const unchecked = (name: string) => ({ checks }: Commit) => ({
  checks: checks.filter(([[part]]) => part !== name),
});

for (
  const [name, bug] of [
    ["new sessions in place of hidden ones", unchecked("s")],
    ["new sessions of an owner, and the end of one", ({ counts = [] }: Commit) => ({
      counts: counts.map(({ name, by }) => ({ name, by })),
    })],
    ["one alias", unchecked("a:alice")],
    ["one id", unchecked("s")],
    ["one session, which moves", unchecked("s")],
  ] as const
) {
  Deno.test(`schedules: ${name}, and a bug is found`, async () => {
    const open = (place: MemoryPlace) => new BrokenRows(place, bug);
    const explorer = new Explorer(scenarios[name]!, { mostCost: 2, random: 300, open });
    await assertRejects(() => explorer.explore(), Error, "Choices [");
  });
}
