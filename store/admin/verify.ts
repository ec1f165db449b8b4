/**
 * What `verify` finds in a store's file: its content, whether a store opens it, faults and losses. Nothing
 * is changed and no lock is taken, so it also reads a file that cannot be written.
 *
 * @module
 */

import { Examination, type Fault } from "./damage_report.ts";
import { fileError, readBytes } from "../journal/fs.ts";
import type { Header } from "../journal/header.ts";
import { entryOf, isIntact, lineEnd, parseLine } from "../journal/line_codec.ts";
import { Orphans } from "./orphans.ts";
import { tailOf } from "../journal/torn_tail.ts";
import { scan } from "../journal/scan.ts";
import { sessionStateMachine, type Tables } from "../file/state_machine.ts";
import { JournalReader, type StateMachine } from "../journal/journal_reader.ts";
import { INTERNAL_OWNER, type SessionRecord } from "../session_store.ts";
import { JournalError } from "../journal/journal_error.ts";

/** The bytes after the last line, which were never acknowledged. */
interface Leftover {
  readonly kind: "torn" | "unsynced";
  readonly start: number;
  readonly end: number;
}

/** The findings of an inspection. The file stays open for `contents`. */
export interface Inspection extends Disposable {
  readonly path: string;
  /**
   * - `sound`: a store opens it
   * - `damaged`: a store refuses it
   * - `other`: all lines are good, and of another format
   * - `foreign`: no line is good
   */
  readonly verdict: "sound" | "damaged" | "other" | "foreign";
  readonly bytes: number;
  /** The number of lines, good and bad. */
  readonly count: number;
  readonly header: Header | undefined;
  /** Whether the lines are a store's, as they are taken to be if the header is damaged. */
  readonly isStore: boolean;
  readonly faults: readonly Fault[];
  readonly leftover: Leftover | undefined;
  /** The lines that change a missing session, one list for each session. */
  readonly useless: readonly (readonly number[])[];
  /** Whether it is a compacted file without a line of its snapshot. There may have been none. */
  readonly lacksSnapshot: boolean;
  readonly counts: ReadonlyMap<string, Readonly<Record<"sessions" | "expired" | "values", number>>>;
  /** The content of each useful line, as JSON text, in the order of their numbers. */
  contents(): Generator<string>;
}

/** Whether all that was ever acknowledged is there, as far as the file can tell. */
export function isComplete({ faults, useless, lacksSnapshot }: Inspection): boolean {
  return !lacksSnapshot && useless.length === 0 && !faults.some(({ isLoss }) => isLoss);
}

/**
 * Reads a file as a store does, and line by line if a store would refuse it.
 *
 * @throws {JournalError} if it cannot be read, or is of a version that this program does not know.
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

interface Opened {
  readonly path: string;
  readonly file: Deno.FsFile;
  readonly size: number;
  readonly now: number;
}

function inspectFile(opened: Opened): Inspection {
  const { path, file, size, now } = opened;
  const ours = sessionStateMachine(() => now);
  const named = namedFormat(path, file);
  const isStore = named === undefined || named.format === ours.format;
  const machine = isStore ? ours : { ...ours, ...named, apply: () => {} };
  const asOpened = size > 0 ? readAsStore(opened, machine, isStore) : {
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
  const { state, ...found } = asOpened ?? new Examination(opened, machine, isStore).found();
  return {
    path,
    bytes: size,
    isStore,
    counts: countsOf(state, now),
    ...found,
    [Symbol.dispose]: () => file.close(),
  };
}

/** The format in the header, also in one that is damaged after it. */
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

/** The findings of a store that opens the file; `undefined` if a store refuses it. */
function readAsStore(
  { path, file, size }: Opened,
  machine: StateMachine<Tables>,
  isStore: boolean,
) {
  const orphans = new Orphans();
  const watched = isStore
    ? orphans.watch(machine, () => ({ line: reader.lines + 1, start: reader.offset }))
    : machine;
  let reader: JournalReader<Tables>;
  try {
    reader = JournalReader.open(path, watched, file);
  } catch (error) {
    if (error instanceof JournalError && error.code === "corrupt") return undefined;
    throw error;
  }
  const beginning = reader.offset;
  for (const _ of reader.readTo(size));
  const rest = tailOf(reader, size);
  if (rest.kind === "damaged") return undefined;
  const { header, lines, offset, state, marks } = reader;
  const leftover = rest.kind === "none" ? undefined : { ...rest, start: offset, end: size };
  return {
    verdict: isStore ? "sound" as const : "other" as const,
    count: lines,
    header,
    faults: [],
    leftover,
    useless: orphans.lines(),
    lacksSnapshot: isStore && header.generation > 1 && reader.snapshotBytes === beginning,
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

function countsOf(tables: Tables, now: number): Inspection["counts"] {
  return new Map(Array.from(tables, ([namespace, table]) => {
    let [expired, values] = [0, 0];
    for (const change of table.changes()) {
      if (change.kind === "use") values += change.writes.length;
      else if (change.kind === "put" && isExpiredSession(change.record, now)) expired++;
    }
    return [namespace, { sessions: table.sessions, expired, values }];
  }));
}

function isExpiredSession({ owner, expiresAt }: SessionRecord, now: number): boolean {
  return owner !== INTERNAL_OWNER && expiresAt <= now;
}

const latin1 = new TextDecoder("latin1");
