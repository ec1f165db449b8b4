import { assertEquals, assertMatch } from "@std/assert";
import { Surveyor } from "../../../console/survey/surveyor.ts";
import type { InspectedSession, StoreInspector } from "../../../store/inspection.ts";
import { record } from "../../support/store/stores.ts";

type Inspector = Pick<StoreInspector, "servers" | "sessions">;

/** A store of so many sessions, which may hold back its pages. */
function inspectorOf(count: number, gate: () => Promise<void> = async () => {}): Inspector {
  const all = Array.from({ length: count }, (_, n): InspectedSession => ({
    record: record(`${n}`, { stateId: `${n}`.padStart(9, "0"), toolCalls: 1 }),
    bytes: 2,
  }));
  return {
    servers: () => Promise.resolve([{ namespace: "notebook", sessions: count }]),
    async sessions({ after = "", limit }) {
      await gate();
      const from = all.findIndex(({ record }) => record.stateId > after);
      return from < 0 ? [] : all.slice(from, from + limit);
    },
  };
}

Deno.test("Surveyor: finds all sessions of a store, page by page", async () => {
  for (const count of [0, 1, 999, 1000, 1001, 3500]) {
    using surveyor = new Surveyor(inspectorOf(count));
    const { sessions, servers, expected, fault } = await surveyor.look();
    assertEquals([sessions.length, expected, fault], [count, undefined, undefined]);
    assertEquals(new Set(sessions.map(({ stateId }) => stateId)).size, count);
    if (count > 0) {
      assertEquals(servers, [
        { namespace: "notebook", sessions: count, toolCalls: count, bytes: 2 * count },
      ]);
    }
  }
});

Deno.test("Surveyor: shows what it has found so far while its first walk lasts", async () => {
  const held = Promise.withResolvers<void>();
  let pages = 0;
  using surveyor = new Surveyor(inspectorOf(2500, async () => {
    if (pages++ === 2) await held.promise;
  }));
  const early = await surveyor.look();
  assertEquals([early.sessions.length, early.expected], [2000, 2500]);
  const told = Promise.withResolvers<void>();
  using _watched = surveyor.watch(told.resolve);
  held.resolve();
  await told.promise;
  const whole = await surveyor.look();
  assertEquals([whole.sessions.length, whole.expected], [2500, undefined]);
});

Deno.test("Surveyor: a session that is ended during a walk stays out of it", async () => {
  const held = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  let pages = 0;
  using surveyor = new Surveyor(inspectorOf(1500, async () => {
    if (pages++ !== 1) return;
    reached.resolve();
    await held.promise;
  }));
  const looked = surveyor.look();
  await reached.promise;
  surveyor.forget("000000007");
  surveyor.forget("000001200");
  held.resolve();
  await looked;
  const { sessions } = await surveyor.look();
  assertEquals(sessions.length, 1498);
});

Deno.test("Surveyor: says that a store cannot be read, and goes on when it can", async () => {
  let isAway = true;
  using surveyor = new Surveyor(
    inspectorOf(
      1,
      () => isAway ? Promise.reject(new Error("The store is away")) : Promise.resolve(),
    ),
  );
  assertMatch((await surveyor.look()).fault ?? "", /^The store is away$/);
  isAway = false;
  surveyor.renew();
  const { sessions, fault } = await surveyor.look();
  assertEquals([sessions.length, fault], [1, undefined]);
});

Deno.test("Surveyor: leaves no timer behind when nobody watches any more", async () => {
  const surveyor = new Surveyor(inspectorOf(1));
  await surveyor.look();
  // A timer that is left fails the test: it would walk over a store that nobody looks at.
  surveyor.watch(() => {})[Symbol.dispose]();
});
