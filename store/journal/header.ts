/**
 * The header: the first line of a journal, which names its format and its compactions so far.
 *
 * @module
 */

import { encodeLine, isIntact, lastLineEnd, parseLine } from "./line_codec.ts";
import { type DamagedPlace, JournalError } from "./journal_error.ts";

export interface Header {
  readonly format: string;
  readonly version: number;
  /** The id of the journal, whatever the file's name. */
  readonly id: string;
  /** 1, and one more with each compaction. */
  readonly generation: number;
  /** The number of the last line that the snapshot after the header includes. */
  readonly n: number;
}

export function encodeHeader(header: Header): string {
  const { format, version, id, generation, n } = header;
  return encodeLine(JSON.stringify({ format, version, id, generation, n }).slice(0, -1));
}

/**
 * Reads a header.
 *
 * @throws {JournalError} if it is damaged, another program's or another version's.
 */
export function parseHeader(
  path: string,
  line: Uint8Array,
  { format, version }: Pick<Header, "format" | "version">,
): Header {
  const intact = lastLineEnd(line) === line.length && isIntact(line.subarray(0, -1));
  const header = intact ? parseLine(line) as Partial<Header> : undefined;
  if (header?.format === format && header.version === version && isWhole(header)) return header;
  if (header?.format === format && header.version !== version) {
    const isNewer = header.version !== undefined && header.version > version;
    const what = isNewer
      ? "a newer version of this program: update it, or use another file"
      : "an older version of this program, in a form that this one cannot read: use that version, " +
        "or another file";
    throw new JournalError("unavailable", `${path} was written by ${what}`);
  }
  const start = `{"format":"${format}"`;
  const damage = { line: 1, start: 0, end: line.length };
  if (new TextDecoder("utf-8", { ignoreBOM: true }).decode(line).startsWith(start)) {
    throw corruptError(path, damage);
  }
  throw new JournalError(
    "corrupt",
    `${path}, line 1, bytes 0 to ${line.length}: this is not a file of ${format}; ` +
      `it was not changed, use another one`,
    { damage },
  );
}

function isWhole(header: Partial<Header>): header is Header {
  return typeof header.id === "string" && Number.isSafeInteger(header.generation) &&
    Number.isSafeInteger(header.n);
}

export function corruptError(
  path: string,
  damage: DamagedPlace & { readonly cause?: unknown },
): JournalError {
  const { line, start, end, cause } = damage;
  return new JournalError(
    "corrupt",
    `${path} is damaged in line ${line}, bytes ${start} to ${end}; it was not changed: ` +
      `put back a copy of it, or see \`deno task store verify ${path}\` for what is wrong and how to ` +
      `save the rest`,
    { cause, damage: { line, start, end } },
  );
}
