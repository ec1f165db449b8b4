/**
 * Compaction: a file with a snapshot of the state replaces the journal's, and `createJournalFile` makes
 * the first one.
 *
 * @module
 */

import { ownershipOf, setOwnership } from "./file_ownership.ts";
import { openSideFile, removeLeftover } from "./side_files.ts";
import { isSameFile, type JournalFile, lstatIfAny, writeAll } from "./fs.ts";
import type { Folders } from "./folder.ts";
import { encodeHeader, type Header } from "./header.ts";
import { encodeEntry } from "./line_codec.ts";
import { mixLine, type SyncMarks } from "./sync_marks.ts";
import { closeFile, type JournalReader, openTwice } from "./journal_reader.ts";

/** The bytes between two fsyncs: more would hold up the fsyncs of other writers. */
const SLICE_BYTES = 256 * 1024;

/** A compacted file, before and while it replaces the old one. */
export class CompactedFile<S> {
  readonly #path: string;
  readonly #raw: Deno.FsFile;
  readonly #file: JournalFile;
  readonly #header: Header;
  readonly #marks: SyncMarks | undefined;
  /** The bytes of the old file that are in the snapshot or copied. */
  #copied: number;
  #linesCopied: number;
  #bytes = 0;
  #snapshotBytes = 0;
  #lines = 0;
  #hasReplaced = false;

  /**
   * Begins the next generation of a reader's file; `undefined` if another process compacts it.
   *
   * @throws {Error} if this user cannot give the file the old one's ownership.
   */
  static begin<S>(
    reader: JournalReader<S>,
    wrap: (file: Deno.FsFile) => JournalFile,
    modeMask: number,
  ): CompactedFile<S> | undefined {
    const path = `${reader.path}.new`;
    const ownership = ownershipOf(reader.path, modeMask);
    const { file, identity, isShared } = openSideFile(path, { read: true, write: true }, ownership);
    let compacted: CompactedFile<S> | undefined;
    try {
      // The file of a killed process is unlocked. But its writer may also have just renamed it over the
      // journal, and then it must not be touched: it no longer has this path.
      const isFree = file.tryLockSync(true);
      const named = isFree ? lstatIfAny(path) : undefined;
      if (named === undefined || !isSameFile(named, identity)) return undefined;
      compacted = new CompactedFile(reader, path, file, wrap(file));
      if (isShared) return compacted;
      compacted[Symbol.dispose]();
      throw notShared();
    } finally {
      if (compacted === undefined) file.close();
    }
  }

  private constructor(reader: JournalReader<S>, path: string, raw: Deno.FsFile, file: JournalFile) {
    this.#path = path;
    this.#raw = raw;
    this.#file = file;
    this.#copied = reader.offset;
    this.#linesCopied = reader.lines;
    this.#marks = reader.marks;
    this.#header = { ...reader.header, generation: reader.header.generation + 1, n: reader.n };
  }

  /**
   * Writes the snapshot, a slice at a time.
   *
   * @returns `false` if `stopped` returned true before the end.
   */
  async writeSnapshot(contents: Iterable<string>, stopped: () => boolean): Promise<boolean> {
    this.#file.truncateSync(0);
    const { n } = this.#header;
    let text = encodeHeader(this.#header);
    let digest = 0;
    this.#lines = 1;
    for (const content of contents) {
      const line = encodeEntry(n, content);
      digest = mixLine(digest, line);
      text += line;
      this.#lines++;
      if (text.length < SLICE_BYTES) continue;
      this.#write(encoder.encode(text));
      text = "";
      await this.#file.syncData();
      if (stopped()) return false;
    }
    if (this.#marks !== undefined) {
      text += this.#marks.encode({ n, through: n, digest });
      this.#lines++;
    }
    this.#write(encoder.encode(text));
    await this.#file.syncData();
    this.#snapshotBytes = this.#bytes;
    return !stopped();
  }

  async copyTail(reader: JournalReader<S>) {
    while (this.#copied < reader.offset) {
      const end = Math.min(reader.offset, this.#copied + SLICE_BYTES);
      this.#write(reader.bytes(this.#copied, end));
      this.#copied = end;
      await this.#file.syncData();
    }
    this.#lines += reader.lines - this.#linesCopied;
    this.#linesCopied = reader.lines;
  }

  /**
   * Replaces the old file. The journal's lock is held, and the reader has read the old file to its end,
   * so nothing can come in between.
   *
   * @returns The reader of the new file, at the same position.
   */
  replaceOld(reader: JournalReader<S>, modeMask: number): JournalReader<S> {
    // The old file's ownership may have been changed meanwhile.
    const ownership = ownershipOf(reader.path, modeMask);
    if (ownership && !setOwnership(this.#path, this.#raw, ownership)) throw notShared();
    const files = openTwice(this.#path);
    try {
      if (!isSameFile(files.file.statSync(), this.#raw.statSync())) {
        throw new Error("it was replaced");
      }
      const next = reader.successor(files, {
        header: this.#header,
        offset: this.#bytes,
        lines: this.#lines,
        snapshotBytes: this.#snapshotBytes,
        marked: this.#marks && Math.max(this.#header.n, reader.marked ?? 0),
      });
      Deno.renameSync(this.#path, reader.path);
      this.#hasReplaced = true;
      return next;
    } catch (cause) {
      closeFile(files);
      throw cause;
    }
  }

  #write(bytes: Uint8Array) {
    writeAll(this.#file, bytes);
    this.#bytes += bytes.length;
  }

  /** Closes the file, and removes it unless it has replaced the old one. */
  [Symbol.dispose]() {
    // The next compaction takes over what cannot be removed, and closing a file unlocks it too.
    if (!this.#hasReplaced) attempt(() => Deno.removeSync(this.#path));
    attempt(() => this.#raw.unlockSync());
    this.#raw.close();
  }
}

/**
 * Makes a journal's first file, whole or not at all. The caller holds the journal's lock.
 *
 * @throws {Error} if this user cannot give the file the ownership of an empty one at `path`.
 */
export async function createJournalFile(
  path: string,
  text: string,
  { wrap, modeMask, folders }: {
    readonly wrap: (file: Deno.FsFile) => JournalFile;
    readonly modeMask: number;
    readonly folders: Folders;
  },
) {
  const draft = `${path}.first`;
  removeLeftover(draft);
  const { file: raw, isShared } = openSideFile(draft, { write: true }, ownershipOf(path, modeMask));
  try {
    if (!isShared) throw notShared();
    const file = wrap(raw);
    writeAll(file, encoder.encode(text));
    await file.syncData();
  } catch (cause) {
    attempt(() => Deno.removeSync(draft));
    throw cause;
  } finally {
    raw.close();
  }
  using folder = folders.open(path);
  Deno.renameSync(draft, path);
  try {
    folder.sync();
  } catch (cause) {
    // Other processes would take its name to be durable.
    Deno.removeSync(path);
    throw cause;
  }
}

function notShared(): Error {
  return new Error(
    "this user cannot give a new file the owner and group of the old one, and must lock nobody out; " +
      "run it as that owner, or chown the file to this user",
  );
}

function attempt(action: () => void) {
  try {
    action();
  } catch {
    // The caller says why a failure does no harm.
  }
}

const encoder = new TextEncoder();
