/**
 * The first line of a journal's file, which says whose it is.
 *
 * @module
 */

import { encodeLine, isIntact, lastLineEnd, parseLine } from "./line_codec.ts";
import { StoreError } from "../session_store.ts";

/** The first line of a file. */
export interface Header {
  readonly format: string;
  readonly version: number;
  /** Which journal this is, whatever the file's name. */
  readonly id: string;
  /** How often the file was written anew. */
  readonly generation: number;
  /** The number of the last line that the lines of the snapshot after it stand for. */
  readonly n: number;
}

/** The text of a first line. */
export function encodeHeader(header: Header): string {
  const { format, version, id, generation, n } = header;
  return encodeLine(JSON.stringify({ format, version, id, generation, n }).slice(0, -1));
}

/**
 * Reads a first line.
 *
 * @throws {StoreError} if it is damaged, or that of another program's file, or of another version's.
 */
export function parseHeader(
  path: string,
  line: Uint8Array,
  { format, version }: Pick<Header, "format" | "version">,
): Header {
  const intact = lastLineEnd(line) === line.length && isIntact(line.subarray(0, -1));
  const header = intact ? parseLine(line) as Partial<Header> : undefined;
  if (header?.format === format && header.version !== undefined && header.version > version) {
    throw new StoreError(
      "unavailable",
      `${path} was written by a newer version of this program: update it, or use another file`,
    );
  }
  if (header?.format === format && header.version === version && isWhole(header)) return header;
  if (header?.format === format && header.version !== version) {
    throw new StoreError(
      "unavailable",
      `${path} was written by an older version of this program, in a form that this one cannot ` +
        `read: use that version, or another file`,
    );
  }
  const start = `{"format":"${format}"`;
  const looksLikeOurs = new TextDecoder().decode(line.subarray(0, start.length)) === start;
  if (looksLikeOurs) throw corrupt(path, 1, 0, line.length);
  throw new StoreError(
    "corrupt",
    `${path}, line 1, bytes 0 to ${line.length}: this is not a file of ${format}; ` +
      `it was not changed, use another one`,
  );
}

function isWhole(header: Partial<Header>): header is Header {
  return typeof header.id === "string" && Number.isSafeInteger(header.generation) &&
    Number.isSafeInteger(header.n);
}

/** The error of a line that is not as it was written. */
export function corrupt(
  path: string,
  line: number,
  start: number,
  end: number,
  cause?: unknown,
): StoreError {
  return new StoreError(
    "corrupt",
    `${path} is damaged in line ${line}, bytes ${start} to ${end}; it was not changed: ` +
      `put back a copy of it, or see \`deno task store verify ${path}\` for what is wrong and how to ` +
      `save the rest`,
    { cause },
  );
}
