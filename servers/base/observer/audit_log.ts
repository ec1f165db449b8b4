/**
 * Audit log: an observer that writes one line of JSON for each event in the life of a session, and for
 * each HTTP request that is refused. An ordinary call writes nothing.
 *
 * No line has an id, or anything that an id can be found from: sessions are named by a hash of their
 * `stateId`, which is no secret, and ids that have died by the beginning of a hash of 128 random bits.
 *
 * @module
 */

import { resolve } from "node:path";
import type { Log } from "../../../runtime/log.ts";
import { fileError, readBytes, tryStat, writeAll } from "../../../store/journal/fs.ts";
import { openPrivateFile } from "../../../store/private_file.ts";
import type { Observer, Refusal, SessionEvent } from "./observer.ts";

export interface AuditLogOptions {
  /** The server's name, in every line. */
  readonly server: string;
  /** Is told when the file takes no lines, and when it takes them again. */
  readonly log: Log;
}

/** Where lines go. */
interface Sink {
  writeSync(bytes: Uint8Array): number;
  close(): void;
}

/** It stays open, as all else is said there too. */
const STDERR: Sink = { writeSync: (bytes) => Deno.stderr.writeSync(bytes), close() {} };

/** Equal refusals within this time are counted. They cost those who are refused nothing. */
const COUNTED_MS = 60_000;
/** Kinds of refusals that are told apart within that time. */
const MAX_KINDS = 256;
/** Presented ids that are told of within that time: guesses may come from any number of networks. */
const MAX_DENIED = 1000;

const LINE_END = 0x0a;

const encoder = new TextEncoder();

export class AuditLog implements Observer {
  readonly #options: AuditLogOptions;
  /** `undefined` for standard error. */
  readonly #path: string | undefined;
  /** `undefined` once closed. */
  #sink: Sink | undefined;
  /** Lines that were lost since the last one that was written. */
  #lost = 0;
  /** Whether the file ends in a part of a line. */
  #isTorn = false;
  readonly #refusals = new Map<string, { readonly refusal: Refusal; more: number }>();
  /** Refusals of kinds for which there was no place. */
  #others = 0;
  #denied = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Opens the log: a file, which is made for its owner alone if it is missing, or `-` for standard error.
   *
   * @throws {JournalError} saying what to do.
   */
  constructor(place: string, options: AuditLogOptions) {
    this.#options = options;
    this.#path = place === "-" ? undefined : resolve(place);
    this.#sink = this.#open();
  }

  session(event: SessionEvent): void {
    const { kind, key, id, owner, address, via, from, reason, count } = event;
    // Whoever has another's id has not guessed.
    if (kind === "denied" && reason !== "foreign" && this.#sink !== undefined) {
      this.#settleLater();
      if (++this.#denied > MAX_DENIED) return;
    }
    this.#write({
      event: kind,
      session: key,
      id,
      principal: owner,
      address,
      via,
      from,
      reason,
      count,
    });
  }

  refused(refusal: Refusal): void {
    if (this.#sink === undefined) return;
    const { status, reason, owner, address } = refusal;
    const kind = JSON.stringify([status, reason, owner, address]);
    const known = this.#refusals.get(kind);
    if (known !== undefined) known.more++;
    else if (this.#refusals.size >= MAX_KINDS) this.#others++;
    else {
      this.#refusals.set(kind, { refusal, more: 0 });
      this.#writeRefusal(refusal);
    }
    this.#settleLater();
  }

  /**
   * Goes on in a new file, after the old one was renamed.
   *
   * @throws {JournalError} if it cannot be opened; the old one is written to then.
   */
  reopen(): void {
    const opened = this.#open();
    this.#sink?.close();
    this.#sink = opened;
  }

  close(): void {
    this.#settle();
    this.#sink?.close();
    this.#sink = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #open(): Sink {
    if (this.#path === undefined) return STDERR;
    const warn = (message: string) => this.#options.log("warn", message);
    const file = openPrivateFile(this.#path, { what: "the audit log", warn });
    this.#isTorn = isTorn(this.#path);
    return file;
  }

  #settleLater(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#settle(), COUNTED_MS);
    // The process must not stay alive for this timer.
    Deno.unrefTimer(this.#timer);
  }

  /** Writes how often there were refusals and denials that were only counted, and forgets them. */
  #settle(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { refusal, more } of this.#refusals.values()) {
      if (more > 0) this.#writeRefusal(refusal, more);
    }
    if (this.#others > 0) this.#write({ event: "refused", count: this.#others });
    if (this.#denied > MAX_DENIED) {
      this.#write({ event: "denied", count: this.#denied - MAX_DENIED });
    }
    this.#refusals.clear();
    this.#others = 0;
    this.#denied = 0;
  }

  #writeRefusal({ status, reason, owner, address }: Refusal, count?: number): void {
    this.#write({ event: "refused", status, reason, principal: owner, address, count });
  }

  /** Writes a line. Never throws: a call must not fail for the log's sake. */
  #write(members: Record<string, unknown>): void {
    if (this.#sink === undefined) return;
    const lost = this.#lost === 0 ? "" : this.#line({ event: "lost", count: this.#lost });
    let last: number | undefined;
    try {
      // Nobody would read what is written to a file that was removed.
      if (this.#sink instanceof Deno.FsFile && this.#sink.statSync().nlink === 0) this.reopen();
      const sink = this.#sink;
      const text = `${this.#isTorn ? "\n" : ""}${lost}${this.#line(members)}`;
      // One write for a line: processes that share the file do not mix theirs.
      writeAll({
        writeSync: (part) => {
          const count = sink.writeSync(part);
          last = part[count - 1];
          return count;
        },
      }, encoder.encode(text));
    } catch (cause) {
      // What a full disk has taken of it stays.
      if (last !== undefined) this.#isTorn = last !== LINE_END;
      this.#lose(cause);
      return;
    }
    this.#isTorn = false;
    if (this.#lost === 0) return;
    this.#options.log("warn", `${this.#name} takes lines again; ${this.#lost} are missing in it`);
    this.#lost = 0;
  }

  #lose(cause: unknown): void {
    if (this.#lost++ > 0) return;
    const { message } = fileError(`Cannot write to ${this.#name}`, cause);
    this.#options.log("error", `${message}. Calls are served, and what happens is not in it`);
  }

  get #name(): string {
    return `the audit log at ${this.#path ?? "standard error"}`;
  }

  #line(members: Record<string, unknown>): string {
    const time = new Date().toISOString();
    const line = JSON.stringify({ time, server: this.#options.server, ...members });
    // A principal's name may have what acts on a terminal.
    const ascii = line.replace(
      /[^\x20-\x7e]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
    return `${ascii}\n`;
  }
}

/** Whether a file ends in a part of a line, as a full disk leaves it. One that cannot be read may. */
function isTorn(path: string): boolean {
  const { isFile, size } = tryStat(path) ?? { isFile: false, size: 0 };
  if (!isFile || size === 0) return false;
  try {
    using file = Deno.openSync(path);
    return readBytes(path, file, size - 1, 1)[0] !== LINE_END;
  } catch {
    return true;
  }
}
