/**
 * The commands that look at a file store's file, line by line: `verify` and `repair`.
 *
 * @module
 */

import { statIfAny } from "../journal/fs.ts";
import { salvage } from "./repair.ts";
import { inspect, type Inspection, isComplete } from "./verify.ts";

/** Told of each line of the answer. */
export type Say = (text: string) => void;

/** @returns The exit status. */
export function verify(path: string, say: Say): number {
  using found = inspect(path, Date.now());
  if (found.verdict === "foreign") {
    say(`${path} is no store's file, or there is nothing left of it: no line is good.`);
    return 1;
  }
  sayVerdict(found, say);
  describe(found, say);
  if (found.verdict !== "damaged") return found.verdict === "sound" ? 0 : 1;
  say("Nothing was changed. This copies what is good to a new file:");
  say(`  deno task store repair ${path} --to NEWFILE`);
  return 1;
}

/** @returns The exit status. */
export function repair(path: string, to: string, say: Say): number {
  using before = inspect(path, Date.now());
  using after = salvage(before, to, Date.now());
  if (after === undefined) {
    say(`${path} is no store's file, or there is nothing left of it: ${to} was not written.`);
    return 1;
  }
  sayVerdict(before, say);
  if (before.faults.some(({ isLoss }) => isLoss) || before.useless.length > 0) {
    say(
      "What these lines did is lost: a session that one of them ended is there again, and one that " +
        "it changed is as it was before.",
    );
  }
  if (isComplete(before)) say("Nothing is lost.");
  if (before.leftover !== undefined) {
    const { kind, start, end } = before.leftover;
    const what = kind === "torn" ? "unfinished end" : "end, which was not on disk,";
    say(`Its ${what} of ${count(end - start, "byte")} was left out.`);
  }
  say(`${to} has all the rest:`);
  describe({ ...after, path: to }, say);
  say(
    `${path} was not changed. To go on with the new file: stop all programs that use the old one, ` +
      `move that away, and give the new one its name.`,
  );
  return isComplete(before) ? 0 : 1;
}

function sayVerdict(
  { path, verdict, header, faults, useless, lacksSnapshot }: Inspection,
  say: Say,
) {
  if (verdict === "sound") say(`${path} is sound.`);
  else if (verdict === "other") {
    say(`${path} is a file of ${header?.format}, and no store opens it; all its lines are good.`);
  } else say(`${path} is damaged in ${count(faults.length, "place")}:`);
  for (const { line, start, end, what } of faults) {
    say(`  line ${line}, bytes ${start} to ${end}: ${what}`);
  }
  for (const lines of useless) {
    say(`  ${list(lines)}: of no use, as the line that began their session is lost`);
  }
  if (lacksSnapshot) {
    say("  line 1: the file was compacted, and no line of its snapshot is there: they may be lost");
  }
}

function describe(found: Inspection, say: Say) {
  const { path, header, bytes, leftover } = found;
  say(`  size: ${count(found.count, "line")}, ${count(leftover?.start ?? bytes, "byte")}`);
  if (header !== undefined) {
    const { format, version, generation } = header;
    say(`  format: ${format} ${version}, generation ${generation}`);
  }
  if (!found.isStore) say("  sessions: not looked for, as this is not a store's format");
  for (const [namespace, { sessions, expired, values }] of found.counts) {
    if (sessions === 0) continue;
    const gone = expired === 0 ? "" : ` (${expired} expired)`;
    const what = `${count(sessions, "session")}${gone} with ${count(values, "value")}`;
    say(`  server ${JSON.stringify(namespace)}: ${what}`);
  }
  if (leftover !== undefined) {
    const { kind, start, end } = leftover;
    const place = `${count(end - start, "byte")} from ${start} on`;
    const what = kind === "torn"
      ? `unfinished end: ${place}, left by a writer that was killed, or still writes`
      : `not on disk: ${place}, damaged by a power cut`;
    say(`  ${what}; they were never acknowledged, and a store that opens the file sets them aside`);
  }
  const aside = statIfAny(`${path}.torn`);
  if (aside) say(`  set aside earlier: ${count(aside.size, "byte")} in ${path}.torn`);
}

function list(lines: readonly number[]): string {
  const last = lines.at(-1);
  if (lines.length === 1) return `line ${last}`;
  if (lines.length > 20) return `${lines.length} lines from ${lines[0]} to ${last}`;
  return `lines ${lines.slice(0, -1).join(", ")} and ${last}`;
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}
