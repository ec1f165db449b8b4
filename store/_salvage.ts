/**
 * A journal's good lines in a new file.
 *
 * @module
 */

import { randomHex } from "../protocol.ts";
import { fileError, statIfAny, syncFolder, writeAll } from "./_files.ts";
import { encodeHeader } from "./_header.ts";
import { Inspection } from "./_inspect.ts";
import { encodeLine } from "./_lines.ts";
import { meaning } from "./_tables.ts";
import { StoreError } from "./store.ts";

const SLICE_CHARS = 1024 * 1024;

/**
 * Writes the good lines of the file at `path` to a new one, numbered anew, and reads that again.
 *
 * @returns What was in the old file, and what is in the new one; this is `undefined`, and there is
 * none, if there was nothing to save.
 * @throws {StoreError} if `to` is there already, or something cannot be read or written; then there
 * is no new file.
 */
export function salvage(
  path: string,
  to: string,
  now: number,
): { readonly before: Inspection; readonly after: Inspection | undefined } {
  const before = new Inspection(path, now);
  refuseToOverwrite(to);
  // It gets its name when it is whole, so that one which was not finished is not taken for it.
  const draft = `${to}.part`;
  try {
    using file = createNew(draft);
    copyLines(before, file);
    if (before.isForeign) return { before, after: undefined };
    file.syncDataSync();
    const after = new Inspection(draft, now);
    for (const _ of after.lines());
    if (after.faults.length > 0) throw new Error("it is not as it was written");
    refuseToOverwrite(to);
    Deno.renameSync(draft, to);
    syncFolder(to);
    return { before, after };
  } catch (cause) {
    throw fileError(`Cannot write ${to}`, cause);
  } finally {
    if (statIfAny(draft)) Deno.removeSync(draft);
  }
}

function refuseToOverwrite(to: string) {
  if (statIfAny(to) === undefined) return;
  throw new StoreError(
    "conflict",
    `${to} is there already: nothing is overwritten, name a new file`,
  );
}

function createNew(path: string): Deno.FsFile {
  // One that is left of a try that was killed.
  if (statIfAny(path)) Deno.removeSync(path);
  return Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
}

function copyLines(before: Inspection, file: Deno.FsFile) {
  let text = "";
  let n = 0;
  const flush = () => {
    writeAll(file, encoder.encode(text));
    text = "";
  };
  for (const { content } of before.lines()) {
    if (n === 0) text = header(before);
    text += encodeLine(`{"n":${++n},"o":${content}`);
    if (text.length > SLICE_CHARS) flush();
  }
  if (n === 0) text = header(before);
  flush();
}

/** A new journal's: no program that has the old file open will take the new one for it. */
function header({ header }: Inspection): string {
  const { format, version } = header ?? meaning(() => 0);
  return encodeHeader({ format, version, id: randomHex(16), generation: 1, n: 0 });
}

const encoder = new TextEncoder();
