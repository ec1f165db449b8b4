/**
 * Tortures the file store for longer than a test should: `deno task torture`. It kills writers while
 * others write and the file is written anew, and lets processes count together.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { countTogether, killWriters } from "../support/store/killing.ts";

const HELP = `Tortures the file store: nothing that was acknowledged may be lost.

Usage: deno task torture [flags]

  --kills N      how many writers are killed with kill -9 (default: 200)
  --writers N    how many write at once (default: 4)
  --counters N   how many processes count together (default: 4)
  --times N      how far each of them counts (default: 10000)
  --seed N       picks the moments of the kills; what the processes do meanwhile is chance
  --help         shows this

The exit status is 0 if nothing was lost, 1 if something was; then the files stay. It is 2 for a
wrong flag.
`;

const NUMBERS = { kills: 200, writers: 4, counters: 4, times: 10_000, seed: undefined };

function settings(): Record<Exclude<keyof typeof NUMBERS, "seed">, number> & { seed: number } {
  const flags = parseArgs(Deno.args, {
    string: Object.keys(NUMBERS),
    boolean: ["help"],
    alias: { help: "h" },
    unknown: (arg) => usageError(`Unknown argument ${JSON.stringify(arg)}`),
  });
  if (flags.help) {
    console.log(HELP);
    Deno.exit(0);
  }
  const number = (name: keyof typeof NUMBERS, without: number) => {
    const text = flags[name];
    if (text === undefined) return without;
    if (!/^\d{1,9}$/.test(String(text))) usageError(`--${name} takes a whole number`);
    return Number(text);
  };
  return {
    kills: number("kills", NUMBERS.kills),
    writers: number("writers", NUMBERS.writers),
    counters: number("counters", NUMBERS.counters),
    times: number("times", NUMBERS.times),
    seed: number("seed", Math.floor(Math.random() * 1e9)),
  };
}

function usageError(message: string): never {
  console.error(`${message}: --help lists the flags`);
  Deno.exit(2);
}

/** Numbers from 0 to 1 that the seed decides. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** On a terminal one line that changes, elsewhere one now and then. */
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

const { kills, writers, counters, times, seed } = settings();
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
