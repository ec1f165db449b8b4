/**
 * HTTP requests of an attacker: envelopes of hostile messages, and bytes that are no request at all.
 */

import type { Random } from "../support/random.ts";
import { parsed } from "./expected.ts";
import { eraHeaders } from "./modern_messages.ts";

/** The attack over one connection. */
export interface Attack {
  /** A description for messages of failure. */
  readonly what: string;
  /** Sent one after the other. */
  readonly parts: readonly Uint8Array[];
  /** The number of responses that must come; with 0, the connection must end once the attacker's side has. */
  readonly answers: number;
  /** The methods of the requests, as the response to HEAD has no body. */
  readonly methods: readonly string[];
  /** The message that must get a response, in an attack with a valid envelope. */
  readonly message?: Uint8Array;
  /** Whether the response may be other than HTTP/1. */
  readonly foreign?: boolean;
}

/** The server under attack. */
export interface Target {
  readonly host: string;
  /** Headers of every valid request. */
  readonly headers: readonly string[];
}

const encoder = new TextEncoder();
const text = (parts: readonly string[]) => encoder.encode(parts.join("\r\n"));

const GOOD = ["content-type: application/json", "accept: application/json, text/event-stream"];

function request(
  { host, headers }: Target,
  body: Uint8Array,
  { first = "POST /mcp HTTP/1.1", more = GOOD, length = `content-length: ${body.length}` } = {},
): Uint8Array[] {
  const lines = [first, `host: ${host}`, ...headers, ...more, ...(length ? [length] : [])];
  return [text([...lines, "", ""]), body];
}

function chunk(bytes: Uint8Array, size = bytes.length.toString(16)): Uint8Array[] {
  return [encoder.encode(`${size}\r\n`), bytes, encoder.encode("\r\n")];
}

/** Wrong headers in an otherwise valid envelope. */
const HEADERS = [
  ["content-type: text/plain"],
  ["content-type: application/json; charset=utf-16"],
  ["content-type: multipart/form-data; boundary=x"],
  ["content-type:"],
  ["content-type: application/json", "content-type: text/html"],
  ["accept: application/json"],
  ["accept: */*;q=nonsense"],
  ["accept: " + "text/html,".repeat(500)],
  ["accept:"],
  ["mcp-protocol-version: 1999-01-01"],
  ["mcp-protocol-version: __proto__"],
  ["mcp-session-id: ../../etc/passwd"],
  ["mcp-session-id: __proto__"],
  ["last-event-id: 1"],
  ["origin: null"],
  ["origin: http://evil.example"],
  ["origin: http://127.0.0.1:1@evil.example"],
  ["host: evil.example"],
  ["authorization: Bearer " + "x".repeat(4000)],
  ["authorization: Basic OjpAOg=="],
  ["content-encoding: gzip"],
  ["connection: upgrade", "upgrade: websocket", "sec-websocket-key: x"],
  ["expect: 100-continue"],
  ["expect: the unexpected"],
  ["cookie: mcp/session=sess-1; __proto__=1"],
  ["x-forwarded-for: 10.0.0.1", "forwarded: for=10.0.0.1"],
  ["range: bytes=0-0"],
  ["x-empty:", "x-high: \u00ff"],
];

const FIRST_LINES = [
  "GET /mcp HTTP/1.1",
  "PUT /mcp HTTP/1.1",
  "DELETE /mcp HTTP/1.1",
  "OPTIONS * HTTP/1.1",
  "OPTIONS /mcp HTTP/1.1",
  "HEAD /mcp HTTP/1.1",
  "TRACE /mcp HTTP/1.1",
  "PATCH /mcp HTTP/1.1",
  "BREW /mcp HTTP/1.1",
  "post /mcp HTTP/1.1",
  "POST / HTTP/1.1",
  "POST //mcp HTTP/1.1",
  "POST /mcp/ HTTP/1.1",
  "POST /mcp?a=b&__proto__=c HTTP/1.1",
  "POST /%6dcp HTTP/1.1",
  "POST /mcp%00 HTTP/1.1",
  "POST /../../etc/passwd HTTP/1.1",
  "POST /%ff%fe HTTP/1.1",
  `POST /${"x".repeat(10_000)} HTTP/1.1`,
  "POST http://evil.example/mcp HTTP/1.1",
  "POST http:// HTTP/1.1",
  "POST http://[::1 HTTP/1.1",
  "GET http://[x]/mcp HTTP/1.1",
  "POST mcp HTTP/1.1",
  "POST /mcp HTTP/1.0",
  "POST /mcp HTTP/1.2",
  "POST /mcp HTTP/9.9",
  "POST /mcp",
  "POST",
  "CONNECT evil.example:80 HTTP/1.1",
];

/** Makes the attack of one connection, around a hostile message. */
export function attack(random: Random, { host, headers }: Target, message: Uint8Array): Attack {
  const target = { host, headers: [...headers, ...eraHeaders(random, message)] };
  const half = message.subarray(0, Math.floor(message.length / 2));
  const whole = { answers: 1, methods: ["POST"] };
  const broken = { answers: 0, methods: ["POST"] };
  const isListen = Object(parsed(message)).method === "subscriptions/listen";
  if (isListen || random.chance(0.6) || message.length > 1_000_000) {
    // The stream of a subscription ends with the attacker's side.
    const answers = isListen ? 0 : 1;
    return { what: "a message", parts: request(target, message), ...whole, answers, message };
  }
  const lengths = [
    `content-length: ${message.length + 50}`,
    `content-length: ${Math.max(0, message.length - 5)}`,
    "content-length: -1",
    "content-length: 1e3",
    "content-length: 18446744073709551617",
    "content-length: 99999999999",
    "content-length: 0",
    `content-length: ${message.length}\r\ncontent-length: 3`,
    `content-length: ${message.length}\r\ntransfer-encoding: chunked`,
    "transfer-encoding: chunked, identity",
    "transfer-encoding: gzip",
    "transfer-encoding: chunked",
  ];
  const chunkSizes = ["-1", "x", "ffffffffffffffffff", "", "0x5", "5;ext=1", "1 1"];
  return random.pick<() => Attack>([
    () => {
      const more = [...GOOD, ...random.pick(HEADERS)];
      return { what: `headers ${more}`, parts: request(target, message, { more }), ...broken };
    },
    () => {
      const [header = ""] = random.pick(HEADERS);
      const name = header.split(":")[0] ?? "";
      const more = [...GOOD.filter((line) => !line.startsWith(name)), header];
      return { what: `header ${header}`, parts: request(target, message, { more }), ...broken };
    },
    () => {
      const first = random.pick(FIRST_LINES);
      const methods = [first.split(" ")[0] ?? ""];
      return { what: first, parts: request(target, message, { first }), answers: 0, methods };
    },
    () => {
      const length = random.pick(lengths);
      return { what: length, parts: request(target, message, { length }), ...broken };
    },
    () => {
      const [head = new Uint8Array()] = request(target, message);
      const cut = head.subarray(0, random.below(head.length));
      return { what: "half a head", parts: [cut], ...broken };
    },
    () => ({
      what: "half a body",
      parts: [...request(target, message).slice(0, 1), half],
      ...broken,
    }),
    () => {
      const [head] = request(target, half, { length: "transfer-encoding: chunked" });
      const parts = [...(head ? [head] : []), ...chunk(half)];
      return { what: "chunks that stop", parts, ...broken };
    },
    () => {
      const size = random.pick(chunkSizes);
      const [head] = request(target, half, { length: "transfer-encoding: chunked" });
      const parts = [...(head ? [head] : []), ...chunk(half, size), ...chunk(message)];
      return { what: `a chunk of size ${size}`, parts, ...broken };
    },
    () => {
      const length = "transfer-encoding: chunked";
      const [head] = request(target, message, { length });
      const rest = message.subarray(half.length);
      const chunks = [half, rest].filter((part) => part.length > 0).flatMap((part) => chunk(part));
      const parts = [...(head ? [head] : []), ...chunks, encoder.encode("0\r\n\r\n")];
      return { what: "chunks", parts, ...whole, message };
    },
    () => {
      const count = 2 + random.below(8);
      const parts = Array.from({ length: count }, () => request(target, message)).flat();
      const methods = Array.from({ length: count }, () => "POST");
      return { what: `${count} in a pipeline`, parts, answers: count, methods };
    },
    () => {
      const flood = Array.from({ length: 20 + random.below(400) }, (_, n) => `x-${n}: ${n}`);
      const parts = request(target, message, { more: [...GOOD, ...flood] });
      return { what: `${flood.length} headers`, parts, ...broken };
    },
    () => {
      const more = [...GOOD, `x-large: ${"x".repeat(random.pick([10_000, 100_000, 1_000_000]))}`];
      return { what: "a large header", parts: request(target, message, { more }), ...broken };
    },
    () => {
      const parts = [encoder.encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), random.bytes(100)];
      return { what: "HTTP/2", parts, ...broken, foreign: true };
    },
    () => ({ what: "noise", parts: [random.bytes(1 + random.below(3000))], ...broken }),
    () => ({ what: "a message without HTTP", parts: [message], ...broken }),
    () => {
      const hello = Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3);
      return { what: "TLS", parts: [hello, random.bytes(500)], ...broken };
    },
    () => ({ what: "nothing", parts: [], ...broken }),
    () => {
      const lines = request(target, message).slice(0, 1).map((head) => {
        return encoder.encode(new TextDecoder().decode(head).replaceAll("\r\n", "\n"));
      });
      return { what: "lines without CR", parts: [...lines, message], ...broken };
    },
    () => {
      const strange = random.pick([
        "no colon",
        ": no name",
        "x\0y: z",
        "x: a\0b",
        " folded",
        "é: 1",
      ]);
      const parts = request(target, message, { more: [...GOOD, strange] });
      return { what: `the header ${JSON.stringify(strange)}`, parts, ...broken };
    },
  ])();
}
