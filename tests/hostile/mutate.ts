/** Mutations of messages. */

import type { Random } from "../support/random.ts";
import { type Aim, message } from "./messages.ts";

/** More bytes than a message may have. */
const TOO_LARGE = 4 * 1024 * 1024 + 1;

/** Texts in place of a value; not all of them are JSON. */
const TOKENS = [
  "null",
  "true",
  "0",
  "-0",
  "7",
  "1.0",
  "1.5",
  "1e999",
  "-1e308",
  "9007199254740993",
  "123456789012345678901234567890",
  '""',
  '"0"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\u0000"',
  '"\\u2028\\ufeff"',
  '"__proto__"',
  "[]",
  "{}",
  "[[[]]]",
  '{"__proto__":{"id":7}}',
  '{"constructor":{"prototype":{}}}',
  '{"then":1,"toJSON":2,"valueOf":3}',
  '["a",1,null]',
  // Not JSON from here on.
  "undefined",
  "NaN",
  "01",
  "'x'",
  '"\\x"',
  '"a\tb"',
  "",
  '"open',
];

const KEYS = ["__proto__", "constructor", "toJSON", "", "id", "method", "_meta", "hasOwnProperty"];

type Path = readonly string[];

function paths(value: unknown, at: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [at];
  return [at, ...Object.entries(value).flatMap(([key, inner]) => paths(inner, [...at, key]))];
}

/** A copy in which `change` replaces the entry at a path by none, one or several. */
function edited(
  value: unknown,
  path: Path,
  change: (key: string, value: unknown) => [string, unknown][],
): unknown {
  const [first, ...rest] = path;
  if (typeof value !== "object" || value === null || first === undefined) return value;
  const entries = Object.entries(value).flatMap(([key, inner]): [string, unknown][] => {
    if (key !== first) return [[key, inner]];
    return rest.length === 0 ? change(key, inner) : [[key, edited(inner, rest, change)]];
  });
  return Object.fromEntries(entries);
}

/** A placeholder in a value for a text that is not JSON. */
const mark = (index: number) => `@token-${index}@`;

function withTokens(text: string, tokens: readonly string[]): string {
  return tokens.reduce((text, token, index) => text.replace(`"${mark(index)}"`, () => token), text);
}

function nested(random: Random): string {
  const depth = random.pick([10, 127, 128, 129, 1000, 5000]);
  return random.chance(0.5)
    ? "[".repeat(depth) + "]".repeat(depth)
    : '{"a":'.repeat(depth) + "1" + "}".repeat(depth);
}

/** The text of a message with some members changed. */
function changedText(random: Random, whole: Record<string, unknown>): string {
  let value: unknown = whole;
  const tokens: string[] = [];
  for (let edits = random.below(4); edits > 0; edits--) {
    const all = paths(value).slice(1);
    if (all.length === 0) break;
    const path = random.pick(all);
    value = edited(value, path, (key, inner) =>
      random.pick<() => [string, unknown][]>([
        () => [],
        () => [[random.pick(KEYS), inner]],
        () => [[key, inner], [random.pick(KEYS), inner]],
        () => [[key, [inner]]],
        () => [[key, String(inner)]],
        () => [[key, mark(tokens.push(nested(random)) - 1)]],
        () => [[key, mark(tokens.push(random.pick(TOKENS)) - 1)]],
        () => [[key, mark(tokens.push(random.pick(TOKENS)) - 1)]],
        () => [[key, mark(tokens.push(random.pick(TOKENS)) - 1)]],
      ])());
  }
  const text = withTokens(JSON.stringify(value), tokens);
  if (!random.chance(0.1)) return text;
  // A duplicate member.
  const doubled = random.pick(["id", "method", "jsonrpc", "params", "__proto__"]);
  return text.replace("{", () => `{"${doubled}":${random.pick(TOKENS)},`);
}

const encoder = new TextEncoder();

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function inserted(random: Random, bytes: Uint8Array, part: readonly number[]): Uint8Array {
  const at = random.below(bytes.length + 1);
  return joined(bytes.subarray(0, at), Uint8Array.from(part), bytes.subarray(at));
}

/** The bytes of a mutated message. */
export function hostileBytes(random: Random, aim: Aim, id: string | number): Uint8Array {
  const valid = message(random, aim, id);
  const text = random.chance(0.15) ? JSON.stringify(valid) : changedText(random, valid);
  const bytes = encoder.encode(text);
  const other = encoder.encode(JSON.stringify(message(random, aim, id)));
  if (random.chance(0.005)) {
    const arguments_ = { text: "x".repeat(TOO_LARGE) };
    const params = { name: "public", arguments: arguments_ };
    return encoder.encode(JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params }));
  }
  if (random.chance(0.65)) return bytes;
  const comma = encoder.encode(",");
  const pretty = () => encoder.encode(JSON.stringify(valid, null, random.pick([" ", "\t"])));
  return random.pick<() => Uint8Array>([
    () => bytes.subarray(0, random.below(bytes.length)),
    () => bytes.subarray(random.below(bytes.length)),
    () => joined(bytes, other),
    () => joined(encoder.encode("["), bytes, comma, other, encoder.encode("]")),
    () => encoder.encode(random.pick(["", " ", "[]", "[[]]", "null", '"x"', "7", "\t", "{}"])),
    () => joined(Uint8Array.of(0xef, 0xbb, 0xbf), bytes),
    () => inserted(random, bytes, [random.pick([0x00, 0xff, 0xc0, 0x0d, 0x80, 0x7f, 0x1b])]),
    () => inserted(random, bytes, [0xed, 0xa0, 0x80]),
    () => inserted(random, bytes, [0xf4, 0x90, 0x80, 0x80]),
    () => inserted(random, bytes, [...encoder.encode(random.pick(["/**/", "\\", '"', "}", "\n"]))]),
    () => bytes.with(random.below(bytes.length), random.below(256)),
    () => random.bytes(1 + random.below(200)),
    pretty,
  ])();
}
