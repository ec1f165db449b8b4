/**
 * `deno task soak`: clients at work for minutes while servers are restarted and killed. It finds what a
 * test is too short for: a write lost now and then, a memory leak, a file that grows.
 */

import { number } from "../../runtime/flag_types.ts";
import { defineProgram, readCommandLine } from "../../runtime/flags.ts";
import { CLIENTS, type Figures, soak } from "./run.ts";
import { Random } from "../support/random.ts";

/**
 * Memory limit of a server. An idle one has 72 MiB, a few dozen small sessions included; the rest is
 * garbage of the calls.
 */
const MOST_MIB = 256;
/**
 * Size limit of the store's file. Compaction begins at 1 MiB, or at twice the live sessions, which here
 * come to less. On a busy machine it takes a while, in which others append.
 */
const MOST_FILE_MIB = 4;

const SOAK = defineProgram({
  name: "soak",
  flags: {
    minutes: {
      type: number("a number of minutes", /^(?!0*\.?0*$)\d{1,5}(\.\d+)?$/),
      default: "10",
      help: "length of the soak",
    },
    seed: {
      type: number("a whole number", /^\d{1,9}$/),
      help: "seed of what is done and who dies when; the rest is chance",
    },
  },
  help: () => ({
    about:
      `Lets ${CLIENTS} clients work with all four servers while these die every few seconds. ` +
      "Looks at every acknowledged write again, during the soak and at its end.",
    usage: ["deno task soak [flags]"],
    notes:
      "Exit status: 0 if nothing was lost and no bound passed; 1 if not, and the files stay; 2 " +
      "for a wrong command line.",
  }),
});

function clock(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

const mib = (bytes: number) => (bytes / 1024 / 1024).toFixed(2);
const count = (number: number) => number.toLocaleString("en-US");

function progress(figures: Figures, elapsedMs: number): void {
  const { calls, acknowledged, restarts, kills, steadyMiB, mostMiB, fileBytes, lost } = figures;
  console.log(
    `  ${clock(elapsedMs)}  ${count(calls)} calls, ${count(acknowledged)} writes acknowledged, ` +
      `${restarts} restarts, ${kills} kills, RSS ${steadyMiB.now.toFixed(0)} MiB (most ` +
      `${mostMiB.toFixed(0)}), file ${mib(fileBytes)} MiB, ${lost.length} lost`,
  );
}

/** Faults, in words. */
function faults({ lost, mostMiB, mostFileBytes }: Figures): string[] {
  const faults = lost.length > 0 ? [`${lost.length} times something was lost, as told above`] : [];
  if (mostMiB > MOST_MIB) {
    faults.push(`a server had ${mostMiB.toFixed(0)} MiB of memory, more than ${MOST_MIB}`);
  }
  if (mostFileBytes > MOST_FILE_MIB * 1024 * 1024) {
    faults.push(`the file had ${mib(mostFileBytes)} MiB, more than ${MOST_FILE_MIB}`);
  }
  return faults;
}

function summary(figures: Figures): string {
  const { early, now } = figures.steadyMiB;
  return `${count(figures.calls)} calls in ${count(figures.sessions)} sessions, ` +
    `${count(figures.acknowledged)} writes acknowledged, ${
      count(figures.verified)
    } looks at what ` +
    `is there
${figures.restarts} restarts (SIGTERM), ${figures.kills} kills (SIGKILL)
Memory of the server that was left alone: ${early.toFixed(0)} MiB after a minute, ` +
    `${now.toFixed(0)} MiB at the end; the most of any server: ${figures.mostMiB.toFixed(0)} MiB ` +
    `(bound: ${MOST_MIB})
File: ${mib(figures.fileBytes)} MiB at the end, at most ${mib(figures.mostFileBytes)} ` +
    `(bound: ${MOST_FILE_MIB})`;
}

const { minutes, seed = Math.floor(Math.random() * 1e9) } = readCommandLine(
  SOAK,
  ({ flags }) => flags,
);
const stop = new AbortController();
Deno.addSignalListener("SIGINT", () => stop.abort());
const folder = await Deno.makeTempDir({ prefix: "mcp-sessions-soak-" });
console.log(`Seed ${seed}. ${CLIENTS} clients for ${minutes} minutes; Ctrl-C ends it early`);
const options = { folder, minutes, random: new Random(seed), signal: stop.signal };
const onLoss = (what: string) => console.error(`LOST: ${what}`);
const figures = await soak({ ...options, onLoss, onProgress: progress });
console.log(summary(figures));
const found = faults(figures);
if (found.length > 0) {
  for (const fault of found) console.error(`FAILED: ${fault}`);
  console.error(`The files are in ${folder}, the seed was ${seed}`);
  Deno.exit(1);
}
await Deno.remove(folder, { recursive: true });
console.log("Nothing was lost, and no bound was passed");
Deno.exit(0);
