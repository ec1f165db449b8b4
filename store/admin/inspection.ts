/**
 * What is in a journal's file, whether a store opens it, what is wrong with it, and what is lost.
 * Nothing is changed, and the lock is not taken, so it also reads what can't be written.
 *
 * @module
 */

import { Examination, type Fault } from "./examination.ts";
import { fileError, readBytes } from "../journal/fs.ts";
import type { Header } from "../journal/header.ts";
import { entryOf, isIntact, lineEnd, parseLine } from "../journal/line_codec.ts";
import { Orphans } from "./orphans.ts";
import { restOf } from "../journal/tail.ts";
import { scan } from "../journal/scan.ts";
import { meaning as storeMeaning, type Tables } from "../file/state_machine.ts";
import { type Meaning, View } from "../journal/journal_reader.ts";
import { StoreError } from "../session_store.ts";

export type { Fault };

/** What stands after the last line, and was acknowledged to nobody. */
export interface Leftover {
  readonly kind: "unfinished" | "unsynced";
  readonly start: number;
  readonly end: number;
}

/** What the sessions of one server come to. */
export interface Count {
  readonly sessions: number;
  readonly expired: number;
  readonly values: number;
}

/** What was found in a file, which is open for {@linkcode contents}. */
export interface Inspection extends Disposable {
  readonly path: string;
  /**
   * A store opens what is `sound`, and refuses what is `damaged`. Of what is `other` all lines are
   * good, and another program's; what is `foreign` has none.
   */
  readonly verdict: "sound" | "damaged" | "other" | "foreign";
  readonly bytes: number;
  /** How many lines were written, the bad ones with them. */
  readonly count: number;
  readonly header: Header | undefined;
  /** Are the lines those of a store? If their first line is damaged, they are taken for that. */
  readonly isStore: boolean;
  readonly faults: readonly Fault[];
  readonly leftover: Leftover | undefined;
  /** The lines that change a session that is not there, one list for each session. */
  readonly useless: readonly (readonly number[])[];
  /** Is it a file that was written anew, without a line that was? There may have been none. */
  readonly lacksSnapshot: boolean;
  /** The sessions by the name of their server. */
  readonly counts: ReadonlyMap<string, Count>;
  /** The content of each good line that is of use, as JSON text, in the order of their numbers. */
  contents(): Generator<string>;
}

/** Is all there that was ever acknowledged, as far as the file can tell? */
export function isComplete({ faults, useless, lacksSnapshot }: Inspection): boolean {
  return !lacksSnapshot && useless.length === 0 && !faults.some(({ isLoss }) => isLoss);
}

/**
 * Reads a file as a store that opens it does, and line by line if the store refuses it.
 *
 * @throws {StoreError} if it cannot be read, or is of a version that this program does not know.
 */
export function inspect(path: string, now: number): Inspection {
  let file: Deno.FsFile | undefined;
  try {
    file = Deno.openSync(path);
    const { isFile, size } = file.statSync();
    if (!isFile) throw new Error("it is not a regular file");
    return inspectFile({ path, file, size, now });
  } catch (cause) {
    file?.close();
    throw fileError(`Cannot read ${path}`, cause);
  }
}

/** An open file, as long as it was when it was first looked at. */
interface Opened {
  readonly path: string;
  readonly file: Deno.FsFile;
  readonly size: number;
  readonly now: number;
}

function inspectFile(opened: Opened): Inspection {
  const { path, file, size, now } = opened;
  const ours = storeMeaning(() => now);
  const named = namedFormat(path, file);
  const isStore = named === undefined || named.format === ours.format;
  const meaning = isStore ? ours : { ...ours, ...named, apply: () => {} };
  const asOpened = size > 0 ? readAsStore(opened, meaning, isStore) : {
    verdict: "sound" as const,
    count: 0,
    header: undefined,
    faults: [],
    leftover: undefined,
    useless: [],
    lacksSnapshot: false,
    state: ours.empty(),
    *contents() {},
  };
  const { state, ...found } = asOpened ?? new Examination(opened, meaning, isStore).found();
  return {
    path,
    bytes: size,
    isStore,
    counts: countsOf(state, now),
    ...found,
    [Symbol.dispose]: () => file.close(),
  };
}

/** The format that the first line names, also if that is damaged further on. */
function namedFormat(
  path: string,
  file: Deno.FsFile,
): Pick<Header, "format" | "version"> | undefined {
  const bytes = readBytes(path, file, 0, 4096);
  const line = bytes.subarray(0, Math.max(0, lineEnd(bytes, 0) - 1));
  const whole = isIntact(line) ? Object(parseLine(line)) : {};
  if (typeof whole.format === "string") return { format: whole.format, version: whole.version };
  const [, format] = /^\{"format":"([^"]{1,64})"/.exec(latin1.decode(bytes)) ?? [];
  return format === undefined ? undefined : { format, version: 1 };
}

/** What a store finds that opens the file; `undefined` if it refuses it. */
function readAsStore(
  { path, file, size }: Opened,
  meaning: Meaning<Tables>,
  isStore: boolean,
) {
  const orphans = new Orphans();
  const watched = isStore
    ? orphans.watch(meaning, () => ({ line: view.lines + 1, start: view.offset }))
    : meaning;
  let view: View<Tables>;
  try {
    view = View.open(path, watched, file);
  } catch (error) {
    if (error instanceof StoreError && error.code === "corrupt") return undefined;
    throw error;
  }
  const beginning = view.offset;
  for (const _ of view.readTo(size));
  const rest = restOf(view, size);
  if (rest.kind === "damaged") return undefined;
  const { header, lines, offset, state, marks } = view;
  const leftover = rest.kind === "none" ? undefined : { ...rest, start: offset, end: size };
  return {
    verdict: isStore ? "sound" as const : "other" as const,
    count: lines,
    header,
    faults: [],
    leftover,
    useless: orphans.lines(),
    lacksSnapshot: isStore && header.generation > 1 && view.snapshotBytes === beginning,
    state,
    *contents() {
      for (const { start, bytes } of scan(path, file, { to: offset })) {
        const isEntry = marks?.read(bytes) === undefined && !orphans.isUseless(start);
        const entry = isEntry ? entryOf(bytes) : undefined;
        if (entry !== undefined) yield entry.content;
      }
    },
  };
}

function countsOf(tables: Tables, now: number): Map<string, Count> {
  return new Map(Array.from(tables, ([namespace, table]) => {
    const expired = table.expired(now).length;
    let values = 0;
    for (const change of table.changes()) {
      if (change.kind === "use") values += change.writes.length;
    }
    return [namespace, { sessions: table.size, expired, values }];
  }));
}

const latin1 = new TextDecoder("latin1");
