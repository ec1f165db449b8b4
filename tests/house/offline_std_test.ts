/**
 * What this project counts on in `@std`. It holds for the stand-ins in `offline/std/` and, by
 * `deno task test:jsr`, for the real packages.
 */
import {
  assert,
  assertEquals,
  assertExists,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
  unreachable,
} from "@std/assert";
import { parseArgs } from "@std/cli/parse-args";
import { timingSafeEqual } from "@std/crypto/timing-safe-equal";

const same = {};
const circular = (): unknown => {
  const loop: Record<string, unknown> = {};
  return Object.assign(loop, { loop });
};
class Point {
  constructor(readonly x: number) {}
}

Deno.test.each<readonly [what: string, a: unknown, b: unknown, equal: boolean]>([
  ["0 and -0", { a: [0] }, { a: [-0] }, true],
  ["NaN and NaN", [NaN], [NaN], true],
  ["null and undefined", null, undefined, false],
  ["1 and '1'", 1, "1", false],
  ["keys in another order", { a: 1, b: 2 }, { b: 2, a: 1 }, true],
  ["an undefined member and none", { a: undefined }, {}, false],
  ["members that are undefined", { a: undefined }, { b: undefined }, false],
  ["an object with no prototype and a plain one", Object.create(null), {}, true],
  ["an instance and a plain object", new Point(1), { x: 1 }, false],
  ["instances alike", new Point(1), new Point(1), true],
  ["instances not alike", new Point(1), new Point(2), false],
  ["an array and an object", [], {}, false],
  ["dates alike", new Date(1), new Date(1), true],
  ["dates not alike", new Date(1), new Date(2), false],
  ["expressions not alike", /a/, /a/g, false],
  ["URLs not alike", new URL("http://x/1"), new URL("http://x/2"), false],
  ["bytes alike", new Uint8Array([1]), new Uint8Array([0, 1]).subarray(1), true],
  ["bytes not alike", new Uint8Array([1]), new Uint8Array([2]), false],
  ["buffers not alike", new Uint8Array([1]).buffer, new Uint8Array([2]).buffer, false],
  ["sets in another order", new Set([1, { a: 1 }]), new Set([{ a: 1 }, 1]), true],
  ["sets not alike", new Set([1]), new Set([2]), false],
  ["maps alike", new Map([[{ a: 1 }, [1]]]), new Map([[{ a: 1 }, [1]]]), true],
  ["maps not alike", new Map([["a", 1]]), new Map([["a", 2]]), false],
  ["errors with other messages", new Error("a"), new Error("b"), false],
  ["circles", circular(), circular(), true],
])("assertEquals() and assertNotEquals() agree on %s", (_what, a, b, equal) => {
  const [holds, fails] = equal ? [assertEquals, assertNotEquals] : [assertNotEquals, assertEquals];
  holds(a, b);
  assertThrows(() => fails(a, b), AssertionError);
});

Deno.test.each<readonly [what: string, holds: () => void, fails: () => void]>([
  ["assert()", () => assert("x"), () => assert("")],
  ["assertStrictEquals()", () => assertStrictEquals(NaN, NaN), () => assertStrictEquals({}, same)],
  [
    "assertStrictEquals() of zeros",
    () => assertStrictEquals(0, 0),
    () => assertStrictEquals(0, -0),
  ],
  ["assertExists()", () => assertExists(0), () => assertExists(null)],
  ["assertExists() of undefined", () => assertExists(""), () => assertExists(undefined)],
  ["assertMatch()", () => assertMatch("abc", /b/), () => assertMatch("abc", /d/)],
  [
    "assertStringIncludes()",
    () => assertStringIncludes("abc", "b"),
    () => assertStringIncludes("abc", "d"),
  ],
  [
    "assertInstanceOf()",
    () => assertInstanceOf(new Point(1), Point),
    () => assertInstanceOf({}, Point),
  ],
  ["assertGreater()", () => assertGreater(2, 1), () => assertGreater(1, 1)],
  ["assertGreaterOrEqual()", () => assertGreaterOrEqual(1, 1), () => assertGreaterOrEqual(0, 1)],
  ["assertLess()", () => assertLess("a", "b"), () => assertLess("b", "b")],
  ["assertLessOrEqual()", () => assertLessOrEqual(1, 1), () => assertLessOrEqual(2, 1)],
  ["fail()", () => {}, () => fail()],
  ["unreachable()", () => {}, () => unreachable()],
])("%s throws an AssertionError when it does not hold, and only then", (_what, holds, fails) => {
  holds();
  const error = assertThrows(fails);
  assertInstanceOf(error, AssertionError);
  assertInstanceOf(error, Error);
  assertEquals(error.name, "AssertionError");
});

Deno.test("assertEquals(): the message tells the note, and both values apart", () => {
  const error = assertThrows(() => assertEquals({ a: 17 }, { a: 23 }, "of sums"), AssertionError);
  for (const part of ["of sums", "17", "23"]) assertStringIncludes(error.message, part);
});

const bad = (): never => {
  throw new TypeError("one \x1b[31mtwo\x1b[39m three");
};

Deno.test("assertThrows() returns what was thrown, whatever that is", () => {
  assertStrictEquals(
    assertThrows(() => {
      throw same;
    }),
    same,
  );
  assertEquals(assertThrows(bad, TypeError).constructor, TypeError);
  assertEquals(assertThrows(bad, Error, "two three").constructor, TypeError);
});

Deno.test.each<readonly [why: string, fails: () => void]>([
  ["nothing is thrown", () => assertThrows(() => {})],
  ["nothing is thrown, with a note", () => assertThrows(() => {}, "note")],
  ["the class is another", () => assertThrows(bad, RangeError)],
  ["the text is another", () => assertThrows(bad, TypeError, "four")],
  ["it is no error", () =>
    assertThrows(() => {
      throw "text";
    }, Error)],
])("assertThrows() fails when %s", (_why, fails) => {
  assertThrows(fails, AssertionError);
});

Deno.test("assertRejects() returns what the promise was rejected with", async () => {
  assertStrictEquals(await assertRejects(() => Promise.reject(same)), same);
  const error = await assertRejects(() => Promise.reject(new TypeError("a b")), TypeError, "a b");
  assertEquals(error.message, "a b");
});

Deno.test.each<readonly [why: string, fails: () => Promise<unknown>]>([
  ["the promise is fulfilled", () => assertRejects(() => Promise.resolve())],
  ["the function throws before it has a promise", () => assertRejects(bad)],
  ["the class is another", () => assertRejects(() => Promise.reject(new Error()), RangeError)],
  ["the text is another", () => assertRejects(() => Promise.reject(new Error("a")), Error, "b")],
  ["it is no error", () => assertRejects(() => Promise.reject("text"), Error)],
])("assertRejects() fails when %s", async (_why, fails) => {
  await assertRejects(fails, AssertionError);
});

Deno.test("parseArgs() reads strings, booleans, lists and defaults, with their types", () => {
  const args = parseArgs(
    ["--store", "memory:", "--port=0", "--host=a", "--host", "b", "rest", "7"],
    {
      string: ["store", "port", "host", "path", "ttl"],
      boolean: ["stateful"],
      collect: ["host"],
      default: { path: "/mcp", store: "file:" },
    },
  );
  const store: string = args.store;
  const ttl: string | undefined = args.ttl;
  const stateful: boolean = args.stateful;
  const hosts: string[] = args.host;
  const path: string = args.path;
  assertEquals([store, args.port, ttl, stateful, hosts, path, args._], [
    "memory:",
    "0",
    undefined,
    false,
    ["a", "b"],
    "/mcp",
    ["rest", 7],
  ]);
});

const options = {
  string: ["store"],
  boolean: ["help"],
  collect: ["origin"],
  alias: { help: "h", store: ["s"] },
} as const;

Deno.test.each<readonly [args: string, result: Record<string, unknown>]>([
  ["--help", { help: true, h: true }],
  ["-h", { help: true, h: true }],
  ["--help false", { help: false, h: false }],
  ["--help x", { help: true, h: true, _: ["x"] }],
  ["--help=false", { help: false, h: false }],
  ["--help=x", { help: true, h: true }],
  ["--store", { store: "", s: "" }],
  ["--store --help", { store: "", s: "", help: true, h: true }],
  ["--store -1", { store: "", s: "", 1: true }],
  ["--store=-1", { store: "-1", s: "-1" }],
  ["--store 08", { store: "08", s: "08" }],
  ["--store=a=b", { store: "a=b", s: "a=b" }],
  ["--store a --store b", { store: "b", s: "b" }],
  ["-s a", { store: "a", s: "a" }],
  ["-s80", { store: "80", s: "80" }],
  ["-hs=a", { help: "a", h: "a" }],
  ["--store=", { store: "", s: "" }],
  ["--store= x", { store: "", s: "", _: ["x"] }],
  ["--help=", { help: true, h: true }],
  ["--other=", { other: "" }],
  ["-s=", { store: "", s: "" }],
  ["-hs=", { help: true, h: true, store: "", s: "" }],
  ["--origin a --origin 8", { origin: ["a", 8] }],
  ["--other 0x10 --no-other", { other: 16, "no-other": true }],
  ["--no-help=true", { help: true, h: true }],
  ["- a 1e3 -- --help 7", { _: ["-", "a", 1000, "--help", "7"] }],
])("parseArgs() reads %s", (args, result) => {
  assertEquals<unknown>(parseArgs(args.split(" "), options), {
    help: false,
    h: false,
    _: [],
    ...result,
  });
});

Deno.test("parseArgs(): unknown() is asked about what no option names, not even collect, and may leave it out", () => {
  const asked: unknown[][] = [];
  const args = parseArgs([
    "--other",
    "x",
    "--origin=1",
    "-v",
    "--store",
    "a",
    "rest",
    "--",
    "--end",
  ], {
    ...options,
    unknown: (...what: unknown[]) => {
      asked.push(what);
      return what[1] === "v";
    },
  });
  assertEquals(asked, [
    ["--other", "other", "x"],
    ["-v", "v", true],
    ["rest"],
  ]);
  assertEquals<unknown>(args, {
    help: false,
    h: false,
    store: "a",
    s: "a",
    origin: [1],
    v: true,
    _: ["--end"],
  });
});

Deno.test("parseArgs() collects a string that never comes as an empty list", () => {
  assertEquals<unknown>(parseArgs([], { string: ["a"], collect: ["a", "b"] }), { a: [], _: [] });
});

Deno.test("timingSafeEqual() compares bytes of one length, in views and buffers", () => {
  const bytes = new Uint8Array([1, 2, 3]);
  assert(timingSafeEqual(bytes, new Uint8Array([0, 1, 2, 3]).subarray(1)));
  assert(timingSafeEqual(bytes.buffer, new DataView(bytes.buffer)));
  assertEquals(timingSafeEqual(bytes, new Uint8Array([1, 2, 4])), false);
  assertThrows(() => timingSafeEqual(bytes, new Uint8Array([1, 2])), TypeError);
});
