/**
 * A journal's file written anew: with what its lines come to, instead of all that ever happened.
 *
 * @module
 */

import { isSameFile, type JournalFile, statIfAny, syncFolder, writeAll } from "./_files.ts";
import { encodeHeader, type Header } from "./_header.ts";
import { encodeEntry } from "./_lines.ts";
import { type Marks, mixEntry } from "./_marks.ts";
import { type Meaning, View } from "./_view.ts";

/** How much is written between two syncs: more would hold up the syncs of other writers. */
const SLICE_BYTES = 256 * 1024;

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
  #named = true;

  /** Begins the next generation of a view's file; `undefined` if another process is at it. */
  static begin<S>(
    view: View<S>,
    wrap: (file: Deno.FsFile) => JournalFile,
  ): Draft<S> | undefined {
    const path = `${view.path}.new`;
    const raw = Deno.openSync(path, { read: true, write: true, create: true, mode: 0o600 });
    // One that was left by a process that died can be had. But whoever had it may also have just
    // put it in its place, and then it is not to be touched: so look whether it still has the name.
    // Or it is a link that someone has put there.
    const named = raw.tryLockSync(true) && statIfAny(path) ? Deno.lstatSync(path) : undefined;
    if (named === undefined || !isSameFile(named, raw.statSync())) {
      raw.close();
      return undefined;
    }
    return new Draft(view, path, raw, wrap(raw));
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
   */
  takePlace(view: View<S>) {
    Deno.renameSync(this.#path, view.path);
    this.#named = false;
  }

  /** The view that goes on where the old one was. */
  reopen(view: View<S>, meaning: Meaning<S>): View<S> {
    syncFolder(view.path);
    const file = Deno.openSync(view.path, { read: true, append: true });
    return new View(view.path, file, meaning, {
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
  }

  #write(bytes: Uint8Array) {
    writeAll(this.#file, bytes);
    this.#bytes += bytes.length;
  }

  /** Lets go of the file, and removes it unless it took the old one's place. */
  [Symbol.dispose]() {
    try {
      if (this.#named) Deno.removeSync(this.#path);
    } finally {
      this.#raw.unlockSync();
      this.#raw.close();
    }
  }
}

/** Makes a journal's first file, whole or not at all. Whoever calls holds the journal's lock. */
export async function createFile(
  path: string,
  text: string,
  wrap: (file: Deno.FsFile) => JournalFile,
) {
  const draft = `${path}.first`;
  if (statIfAny(draft)) Deno.removeSync(draft);
  {
    using raw = Deno.openSync(draft, { write: true, createNew: true, mode: 0o600 });
    const file = wrap(raw);
    writeAll(file, encoder.encode(text));
    await file.syncData();
  }
  Deno.renameSync(draft, path);
  syncFolder(path);
}

const encoder = new TextEncoder();
