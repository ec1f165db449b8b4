/** A strict reader of HTTP/1 responses, which checks every byte. */

import { around, Fault } from "./verdict.ts";

/** A whole response. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

/** The responses that a connection has brought so far. */
export interface Received {
  readonly responses: readonly HttpResponse[];
  /** The number of bytes of an incomplete response. */
  readonly rest: number;
}

const STATUS = /^HTTP\/1\.[01] ([1-5]\d\d) [\x20-\x7e]*$/;
const HEADER = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([\t\x20-\x7e]*)$/;
const latin1 = new TextDecoder("latin1");

/**
 * Reads the responses to requests of these methods; `ended` if no more bytes will come.
 *
 * @throws {Fault} if the bytes are not HTTP.
 */
export function readResponses(
  bytes: Uint8Array,
  methods: readonly string[],
  ended: boolean,
): Received {
  const responses: HttpResponse[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const head = readHead(bytes.subarray(offset));
    if (head === undefined) break;
    const after = bytes.subarray(offset + head.length);
    // An interim response is not the response yet.
    if (head.status < 200) {
      offset += head.length;
      continue;
    }
    const bodiless = methods[responses.length] === "HEAD" || [204, 304].includes(head.status);
    const body = bodiless ? { body: new Uint8Array(), length: 0 } : readBody(head, after, ended);
    if (body === undefined) break;
    responses.push({ ...head, body: body.body });
    offset += head.length + body.length;
  }
  return { responses, rest: bytes.length - offset };
}

type Head = Omit<HttpResponse, "body"> & { readonly length: number };

function readHead(bytes: Uint8Array): Head | undefined {
  const text = latin1.decode(bytes.subarray(0, 20_000));
  const end = text.indexOf("\r\n\r\n");
  if (end === -1) {
    if (!"HTTP/1.".startsWith(text.slice(0, 7))) throw new Fault(`Not HTTP: ${around(text)}`);
    return undefined;
  }
  const [first = "", ...lines] = text.slice(0, end).split("\r\n");
  const status = STATUS.exec(first)?.[1];
  if (status === undefined) throw new Fault(`Not the first line of a response: ${around(first)}`);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = HEADER.exec(line) ?? [];
    if (name === undefined) throw new Fault(`Not a header: ${around(line)}`);
    headers.set(name.toLowerCase(), value ?? "");
  }
  return { status: Number(status), headers, length: end + 4 };
}

function readBody({ headers }: Head, bytes: Uint8Array, ended: boolean) {
  const length = headers.get("content-length");
  const chunked = headers.get("transfer-encoding") === "chunked";
  if (chunked && length !== undefined) throw new Fault("A body has two lengths");
  if (chunked) return readChunks(bytes);
  if (length === undefined) return ended ? { body: bytes, length: bytes.length } : undefined;
  if (!/^\d+$/.test(length)) throw new Fault(`Not a length: ${around(length)}`);
  const end = Number(length);
  return bytes.length < end ? undefined : { body: bytes.slice(0, end), length: end };
}

function readChunks(bytes: Uint8Array) {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let offset = 0;
  for (;;) {
    const line = latin1.decode(bytes.subarray(offset, offset + 20));
    const end = line.indexOf("\r\n");
    if (end === -1) return undefined;
    const size = line.slice(0, end);
    if (!/^[0-9A-Fa-f]+$/.test(size)) throw new Fault(`Not the size of a chunk: ${around(size)}`);
    const start = offset + end + 2;
    const next = start + parseInt(size, 16) + 2;
    if (bytes.length < next) return undefined;
    if (latin1.decode(bytes.subarray(next - 2, next)) !== "\r\n") {
      throw new Fault("A chunk does not end where it says");
    }
    if (parseInt(size, 16) === 0) {
      const body = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
      let at = 0;
      for (const part of parts) {
        body.set(part, at);
        at += part.length;
      }
      return { body, length: next };
    }
    parts.push(bytes.slice(start, next - 2));
    offset = next;
  }
}
