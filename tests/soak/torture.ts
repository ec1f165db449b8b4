/**
 * `deno task torture`: kills writers of the file store while others write and compact it, for longer
 * than a test should, and lets processes count together.
 */
import { number } from "../../runtime/flag_types.ts";
import { defineProgram, readCommandLine } from "../../runtime/flags.ts";
import { countTogether, killWriters } from "../support/store/killing.ts";

const COUNT = number("a whole number", /^\d{1,9}$/);

const TORTURE = defineProgram({
  name: "torture",
  flags: {
    kills: { type: COUNT, default: "200", help: "writers that are killed with kill -9" },
    writers: { type: COUNT, default: "4", help: "processes that write at once" },
    counters: { type: COUNT, default: "4", help: "processes that count together" },
    times: { type: COUNT, default: "10000", help: "number that each of them counts to" },
    seed: { type: COUNT, help: "seed of the kills' moments; the processes themselves are chance" },
  },
  help: () => ({
    about: "Tortures the file store: nothing that was acknowledged may be lost.",
    usage: ["deno task torture [flags]"],
    notes: "Exit status: 0 if nothing was lost; 1 if something was, and the files stay; 2 for a " +
      "wrong command line.",
  }),
});

/** Seeded numbers from 0 to 1. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** Shows progress: on a terminal in one line that changes, elsewhere in a line now and then. */
function progress(of: number, what: string): (done: number) => void {
  const isTerminal = Deno.stdout.isTerminal();
  const each = Math.max(1, Math.floor(of / 10));
  return (done) => {
    if (!isTerminal && done % each === 0) console.log(`  ${done} of ${of} ${what}`);
    if (!isTerminal) return;
    const text = `\r  ${done} of ${of} ${what}${done === of ? "\n" : ""}`;
    Deno.stdout.writeSync(new TextEncoder().encode(text));
  };
}

const { kills, writers, counters, times, seed = Math.floor(Math.random() * 1e9) } = readCommandLine(
  TORTURE,
  ({ flags }) => flags,
);
const stop = new AbortController();
Deno.addSignalListener("SIGINT", () => stop.abort());
const { signal } = stop;
const folder = await Deno.makeTempDir({ prefix: "mcp-sessions-torture-" });
console.log(`Seed ${seed}`);
try {
  console.log(`${writers} processes write, and ${kills} times one is killed`);
  const onKill = progress(kills, "killed");
  const random = randomFrom(seed);
  const path = `${folder}/killed.jsonl`;
  const killed = await killWriters(path, { kills, writers, random, signal, onKill });
  console.log(
    `  All ${killed.acknowledged} acknowledged writes are there, and no half of one; the file was ` +
      `written anew ${killed.generation - 1} times, ${killed.torn} bytes were left unfinished`,
  );
  console.log(`${counters} processes count to ${times} together`);
  const onCount = progress(counters * times, "counted");
  await countTogether(`${folder}/counted.jsonl`, { counters, times, signal, onCount });
  console.log(`  The sum is exact: ${counters * times}`);
  await Deno.remove(folder, { recursive: true });
} catch (error) {
  if (signal.aborted) {
    await Deno.remove(folder, { recursive: true });
    Deno.exit(130);
  }
  console.error(`\n${error instanceof Error ? error.message : error}`);
  console.error(`The files are in ${folder}, the seed was ${seed}`);
  Deno.exit(1);
}
Deno.exit(0);
