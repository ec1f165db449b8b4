/**
 * A journal's file written anew: with what its lines come to, instead of all that ever happened.
 *
 * @module
 */

import { accessTo, giveAccess } from "./file_access.ts";
import { openBeside, removeLeftover } from "./side_files.ts";
import { isSameFile, type JournalFile, lstatIfAny, writeAll } from "./fs.ts";
import type { Folders } from "./folder.ts";
import { encodeHeader, type Header } from "./header.ts";
import { encodeEntry } from "./line_codec.ts";
import { type Marks, mixEntry } from "./sync_marks.ts";
import { closeFile, type Meaning, type OpenedTwice, openTwice, View } from "./journal_reader.ts";

/** How much is written between two syncs: more would hold up the syncs of other writers. */
const SLICE_BYTES = 256 * 1024;

/** How a file is written anew. */
export interface DraftOptions {
  readonly wrap: (file: Deno.FsFile) => JournalFile;
  readonly modeMask: number;
}

/** The file that is to take another's place. */
export class Draft<S> {
  readonly #path: string;
  readonly #raw: Deno.FsFile;
  readonly #file: JournalFile;
  readonly #header: Header;
  readonly #marks: Marks | undefined;
  /** How far the old file's lines are in this one. */
  #copied: number;
  #linesCopied: number;
  #bytes = 0;
  #snapshotBytes = 0;
  #lines = 0;
  #isDraft = true;

  /**
   * Begins the next generation of a view's file; `undefined` if another process is at it.
   *
   * @throws {Error} if this user cannot give the file to whom the old one is.
   */
  static begin<S>(view: View<S>, { wrap, modeMask }: DraftOptions): Draft<S> | undefined {
    const path = `${view.path}.new`;
    const access = accessTo(view.path, modeMask);
    const { file, identity, isShared } = openBeside(path, { read: true, write: true }, access);
    let draft: Draft<S> | undefined;
    try {
      // One that was left by a process that died can be had. But whoever had it may also have just
      // put it in its place, and then it is not to be touched: so look whether it still has the name.
      const isFree = file.tryLockSync(true);
      const named = isFree ? lstatIfAny(path) : undefined;
      if (named === undefined || !isSameFile(named, identity)) return undefined;
      draft = new Draft(view, path, file, wrap(file));
      if (isShared) return draft;
      draft[Symbol.dispose]();
      throw notShared();
    } finally {
      if (draft === undefined) file.close();
    }
  }

  private constructor(view: View<S>, path: string, raw: Deno.FsFile, file: JournalFile) {
    this.#path = path;
    this.#raw = raw;
    this.#file = file;
    this.#copied = view.offset;
    this.#linesCopied = view.lines;
    this.#marks = view.marks;
    this.#header = { ...view.header, generation: view.header.generation + 1, n: view.n };
  }

  /**
   * Writes what the state comes to, a slice at a time.
   *
   * @returns `false` if `stopped` said so before the end.
   */
  async writeSnapshot(contents: Iterable<string>, stopped: () => boolean): Promise<boolean> {
    this.#file.truncateSync(0);
    const { n } = this.#header;
    let text = encodeHeader(this.#header);
    let digest = 0;
    this.#lines = 1;
    for (const content of contents) {
      const line = encodeEntry(n, content);
      digest = mixEntry(digest, line);
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

  /** Copies the lines that the old file has got since. */
  async copyTail(view: View<S>) {
    while (this.#copied < view.offset) {
      const end = Math.min(view.offset, this.#copied + SLICE_BYTES);
      this.#write(view.bytes(this.#copied, end));
      this.#copied = end;
      await this.#file.syncData();
    }
    this.#lines += view.lines - this.#linesCopied;
    this.#linesCopied = view.lines;
  }

  /**
   * Takes the old file's place. The journal's lock is held, and the view has read the old file to
   * its end, so nothing can come in between.
   *
   * @returns The view that goes on where the old one was.
   */
  takePlace(view: View<S>, meaning: Meaning<S>, modeMask: number): View<S> {
    // Whoever looks after the old file may have given it to others meanwhile.
    const access = accessTo(view.path, modeMask);
    if (access !== undefined && !giveAccess(this.#path, this.#raw, access)) throw notShared();
    const files = openTwice(this.#path);
    try {
      return this.#rename(view, files, meaning);
    } catch (cause) {
      closeFile(files);
      throw cause;
    }
  }

  #rename(view: View<S>, files: OpenedTwice, meaning: Meaning<S>): View<S> {
    if (!isSameFile(files.file.statSync(), this.#raw.statSync())) {
      throw new Error("it was replaced");
    }
    const next = new View(view.path, files, meaning, {
      header: this.#header,
      state: view.state,
      offset: this.#bytes,
      lines: this.#lines,
      n: view.n,
      snapshotBytes: this.#snapshotBytes,
      marked: this.#marks && Math.max(this.#header.n, view.marked ?? 0),
      lastEntry: view.lastEntry,
      older: view.older,
    });
    Deno.renameSync(this.#path, view.path);
    this.#isDraft = false;
    return next;
  }

  #write(bytes: Uint8Array) {
    writeAll(this.#file, bytes);
    this.#bytes += bytes.length;
  }

  /** Lets go of the file, and removes it unless it took the old one's place. */
  [Symbol.dispose]() {
    // What cannot be removed is taken over by the next draft, and closing a file unlocks it too.
    if (this.#isDraft) attempt(() => Deno.removeSync(this.#path));
    attempt(() => this.#raw.unlockSync());
    this.#raw.close();
  }
}

/**
 * Makes a journal's first file, whole or not at all. Whoever calls holds the journal's lock.
 *
 * @throws {Error} if this user cannot give the file to whom an empty one is.
 */
export async function createFile(
  path: string,
  text: string,
  { wrap, modeMask, folders }: DraftOptions & { readonly folders: Folders },
) {
  const draft = `${path}.first`;
  removeLeftover(draft);
  const { file: raw, isShared } = openBeside(draft, { write: true }, accessTo(path, modeMask));
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
    // Whoever finds it takes its name to be on the disk.
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
    // Whoever calls says why that is no harm.
  }
}

const encoder = new TextEncoder();
