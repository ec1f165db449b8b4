/**
 * The repair of a damaged store's file: its good lines go to a new one.
 *
 * @module
 */

import { randomHex } from "../../runtime/random_hex.ts";
import { ownershipOf } from "../journal/file_ownership.ts";
import { openSideFile, removeLeftover } from "../journal/side_files.ts";
import { fileError, lstatIfAny, writeAll } from "../journal/fs.ts";
import { Folders } from "../journal/folder.ts";
import { encodeHeader } from "../journal/header.ts";
import { inspect, type Inspection } from "./verify.ts";
import { encodeEntry } from "../journal/line_codec.ts";
import { SyncMarks } from "../journal/sync_marks.ts";
import { sessionStateMachine } from "../file/state_machine.ts";
import { JournalError } from "../journal/journal_error.ts";

const SLICE_CHARS = 1024 * 1024;

/**
 * Writes the good lines of an inspected file to a new one, with new numbers, and inspects that.
 *
 * @returns The inspection of the new file; `undefined`, and no file, if there was nothing to save.
 * @throws {JournalError} if `to` is there already, or a file cannot be read or written; then there is
 * no new file.
 */
export function salvage(before: Inspection, to: string, now: number): Inspection | undefined {
  refuseToOverwrite(to);
  if (before.verdict === "foreign") return undefined;
  // The file gets its name when it is whole, so that an unfinished one is not taken for it.
  const draft = `${to}.part`;
  try {
    removeLeftover(draft);
    using file = openSideFile(draft, { write: true }, ownershipOf(before.path, 0o770)).file;
    copyLines(before, file);
    file.syncDataSync();
    // The caller disposes of it, if all goes well.
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
  throw new JournalError(
    "unavailable",
    `${to} is there already: nothing is overwritten, name a new file`,
  );
}

function copyLines(before: Inspection, file: Deno.FsFile) {
  const { format, version, mark } = sessionStateMachine(() => 0);
  const marks = before.isStore && mark !== undefined ? new SyncMarks(mark) : undefined;
  // A new id: no program that has the old file open will take the new one for it.
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
  // The file is fsynced before it has its name.
  text += marks?.encode({ n: n + 1, through: n, digest: undefined }) ?? "";
  flush();
}

const encoder = new TextEncoder();
