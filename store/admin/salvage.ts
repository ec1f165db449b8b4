/**
 * A journal's good lines in a new file.
 *
 * @module
 */

import { randomHex } from "../../runtime/random_hex.ts";
import { accessTo } from "../journal/file_access.ts";
import { openBeside, removeLeftover } from "../journal/side_files.ts";
import { fileError, lstatIfAny, writeAll } from "../journal/fs.ts";
import { Folders } from "../journal/folder.ts";
import { encodeHeader } from "../journal/header.ts";
import { inspect, type Inspection } from "./inspection.ts";
import { encodeEntry } from "../journal/line_codec.ts";
import { Marks } from "../journal/sync_marks.ts";
import { meaning } from "../file/state_machine.ts";
import { StoreError } from "../session_store.ts";

const SLICE_CHARS = 1024 * 1024;

/**
 * Writes the good lines of a file that was inspected to a new one, numbered anew, and reads that again.
 *
 * @returns What is in the new one; `undefined`, and there is none, if there was nothing to save.
 * @throws {StoreError} if `to` is there already, or something cannot be read or written; then there
 * is no new file.
 */
export function salvage(before: Inspection, to: string, now: number): Inspection | undefined {
  refuseToOverwrite(to);
  if (before.verdict === "foreign") return undefined;
  // It gets its name when it is whole, so that one which was not finished is not taken for it.
  const draft = `${to}.part`;
  try {
    removeLeftover(draft);
    using file = openBeside(draft, { write: true }, accessTo(before.path, 0o770)).file;
    copyLines(before, file);
    file.syncDataSync();
    // It is the caller's, if all goes well.
    using opened = new DisposableStack();
    const after = opened.use(inspect(draft, now));
    if (after.verdict === "damaged" || after.leftover !== undefined) {
      throw new Error("it is not as it was written");
    }
    refuseToOverwrite(to);
    using folder = new Folders(console.warn).open(to);
    Deno.renameSync(draft, to);
    folder.sync();
    opened.move();
    return after;
  } catch (cause) {
    throw fileError(`Cannot write ${to}`, cause);
  } finally {
    removeLeftover(draft);
  }
}

function refuseToOverwrite(to: string) {
  if (lstatIfAny(to) === undefined) return;
  throw new StoreError(
    "conflict",
    `${to} is there already: nothing is overwritten, name a new file`,
  );
}

function copyLines(before: Inspection, file: Deno.FsFile) {
  const { format, version, mark } = meaning(() => 0);
  const marks = before.isStore && mark !== undefined ? new Marks(mark) : undefined;
  // A new journal's: no program that has the old file open will take the new one for it.
  const beginning = { format, version, ...before.header, id: randomHex(16), generation: 1, n: 0 };
  let text = encodeHeader(beginning) + (marks?.encode({ n: 0, through: 0, digest: 0 }) ?? "");
  let n = 0;
  const flush = () => {
    writeAll(file, encoder.encode(text));
    text = "";
  };
  for (const content of before.contents()) {
    text += encodeEntry(++n, content);
    if (text.length > SLICE_CHARS) flush();
  }
  // It is on the disk before it has its name.
  text += marks?.encode({ n: n + 1, through: n, digest: undefined }) ?? "";
  flush();
}

const encoder = new TextEncoder();
