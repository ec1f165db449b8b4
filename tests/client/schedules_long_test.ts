/** A client with a session, in every order in which answers, the jar and the server can come. */

import { assert, assertEquals } from "@std/assert";
import { type Program, Run } from "../support/client/schedules.ts";
import { Random } from "../support/random.ts";

/** The most schedules of a program one after the other; as many by chance if there are more. */
const MAX_RUNS = 700;

type Choice = readonly [picked: number, count: number];

/** The first schedule of each way in which a program is broken, and whether its very first is fine. */
async function explore(program: Program) {
  const broken = new Map<string, readonly string[]>();
  let isFirstFine = false;
  const run = async (pick: (count: number) => number) => {
    const each = new Run(program);
    await each.take(pick);
    for (const what of each.broken) if (!broken.has(what)) broken.set(what, each.steps);
    return each.broken.length === 0;
  };
  let planned: readonly Choice[] | undefined = [];
  for (let runs = 0; planned !== undefined && runs < MAX_RUNS; runs++) {
    const choices: Choice[] = [];
    const plan: readonly Choice[] = planned;
    const isFine = await run((count) => {
      const [picked] = plan[choices.length] ?? [0];
      choices.push([picked, count]);
      return picked;
    });
    if (runs === 0) isFirstFine = isFine;
    const last = choices.findLastIndex(([picked, count]) => picked + 1 < count);
    const [picked, count] = choices[last] ?? [0, 0];
    planned = last < 0 ? undefined : [...choices.slice(0, last), [picked + 1, count]];
  }
  for (let seed = 0; planned !== undefined && seed < MAX_RUNS; seed++) {
    const random = new Random(seed);
    await run((count) => random.below(count));
  }
  return { broken: [...broken], isFirstFine };
}

const PROGRAMS: readonly Program[] = [
  { acts: ["call", "call"] },
  { acts: ["call", "lazy"], filed: "live" },
  { acts: ["call", "rotate"], filed: "dead" },
  { acts: ["lose", "call", "call"] },
  { acts: ["rotate", "call", "lazy"] },
  { acts: ["rotate", "call", "rotate", "call"] },
  { acts: ["revoke", "lazy", "call"] },
  { acts: ["call", "other", "call"] },
  { acts: ["other", "call", "rotate"] },
  { acts: ["lose", "call", "cancel", "call"] },
  { acts: ["call", "drop", "call"] },
];

for (const program of PROGRAMS) {
  const name = [program.filed ?? "no", "session filed;", ...program.acts].join(" ");
  Deno.test(`withSession: keeps its session in every schedule (${name})`, async () => {
    assertEquals((await explore(program)).broken, []);
  });
}

Deno.test("explore: finds a jar that lets the later of two clients win, in some schedule alone", async () => {
  const { broken, isFirstFine } = await explore({
    acts: ["other", "call"],
    jar: (jar) => ({
      get: (key) => jar.get(key),
      set: (key, cookie) => jar.set(key, cookie),
      add: async (key, cookie) => {
        await jar.set(key, cookie);
        return cookie;
      },
      delete: (key, id) => jar.delete(key, id),
    }),
  });
  assert(isFirstFine);
  assertEquals(broken.map(([what]) => what), [
    "a session that another process has filed is undone",
  ]);
});
