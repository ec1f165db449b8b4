import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Json, StateUpdate } from "../mod.ts";
import { all, type Case, listOf, other, put, record } from "./cases.ts";

export const valuesCases: Case[] = [];
const add = listOf(valuesCases);

add("a value that JSON would change is refused, at any depth", async ({ store }) => {
  await store.create(record("sess-1"));
  await put(store, "sess-1", ["a", "before"]);
  let reads = 0;
  const values: [unknown, RegExp][] = [
    [NaN, /NaN/],
    [Infinity, /Infinity/],
    [-Infinity, /-Infinity/],
    [() => 1, /function/],
    [Symbol("a"), /symbol/],
    [1n, /bigint/],
    [new Map([["a", 1]]), /Map/],
    [new Set([1]), /Set/],
    [new Date(0), /Date/],
    [/a/, /RegExp/],
    [new Error("a"), /Error/],
    [new Uint8Array(1), /Uint8Array/],
    [new Number(1), /Number/],
    [new String("a"), /String/],
    [
      new (class Point {
        x = 1;
      })(),
      /Point/,
    ],
    [new (class List extends Array {})(), /array|List/],
    [Promise.resolve(1), /Promise/],
    [{ toJSON: () => "a" }, /toJSON/],
    [Object.defineProperty({}, "toJSON", { value: () => "a" }), /toJSON/],
    [Object.assign([1], { toJSON: () => "a" }), /toJSON/],
    [{ [Symbol("a")]: 1 }, /symbol/],
    [Array(1), /holes/],
    [[1, , 2], /holes/],
    [Object.assign([1], { name: 1 }), /named members/],
    [Object.create({ inherited: 1 }), /./],
  ];
  const deep = (value: unknown) => [value, [0, value], { a: { b: [value] } }];
  const changing = { enumerable: true, get: () => reads++ > 0 ? 1 : NaN };
  const refused: [unknown, RegExp][] = [
    ...values.flatMap(([value, what]) =>
      deep(value).map((value): [unknown, RegExp] => [value, what])
    ),
    [[undefined], /undefined/],
    [{ a: [1, undefined] }, /undefined/],
    [Object.defineProperty({}, "a", changing), /NaN/],
  ];
  for (const [value, what] of refused) {
    const write = () => put(store, "sess-1", ["good", 1], ["a", other(value)]);
    const error = await assertRejects(write, TypeError, "must be JSON", String(what));
    assert(what.test(error.message), `${what}: ${error.message}`);
  }
  const circle: unknown[] = [];
  circle.push({ circle });
  await assertRejects(() => put(store, "sess-1", ["a", other(circle)]), TypeError, "circular");
  const name = { ["\ud800"]: 1 };
  await assertRejects(() => put(store, "sess-1", ["a", name]), TypeError, "lone surrogate");
  assertEquals(await all(store, "sess-1"), [["a", "before"]]);
});

add("a value that JSON keeps is accepted, whatever it is made of", async ({ store }) => {
  await store.create(record("sess-1"));
  const shared = { x: 1 };
  const nested = nestedArray();
  const values: [unknown, string][] = [
    [{ a: undefined, b: 1, c: undefined }, '{"b":1}'],
    [{ toJSON: "a text" }, '{"toJSON":"a text"}'],
    [Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
    [[shared, shared, { shared }], '[{"x":1},{"x":1},{"shared":{"x":1}}]'],
    [JSON.parse('{"__proto__":[{}]}'), '{"__proto__":[{}]}'],
    [[1e21, 1e-7, -1, 0.1, 5e-324], "[1e+21,1e-7,-1,0.1,5e-324]"],
    ['"\\\u2028\0', JSON.stringify('"\\\u2028\0')],
    [nested, JSON.stringify(nested)],
  ];
  for (const [value, json] of values) {
    await put(store, "sess-1", ["a", other(value)]);
    assertEquals(JSON.stringify((await all(store, "sess-1"))?.[0]?.[1]), json);
  }
});

add(
  "a malformed result of a transaction's function is refused, and nothing is written",
  async ({ store }) => {
    await store.create(record("sess-1"));
    const set = [["a", 1]];
    const results: [unknown, RegExp][] = [
      [undefined, /undefined/],
      [null, /null/],
      [1, /1/],
      ["a", /string/],
      [{}, /empty/],
      [set, /array/],
      [new Map([["value", 1]]), /Map/],
      [{ value: 1, sets: set }, /"sets"/],
      [{ key: "a", value: 1 }, /"key"/],
      [{ value: 1, set: 1 }, /pairs/],
      [{ value: 1, set: "ab" }, /pairs/],
      [{ value: 1, set: { a: 1 } }, /pairs/],
      [{ value: 1, set: ["ab"] }, /pair/],
      [{ value: 1, set: [["a"]] }, /pair/],
      [{ value: 1, set: [["a", 1, 2]] }, /pair/],
      [{ value: 1, set: [["a", 1], undefined] }, /pair/],
      [{ value: 1, set: [{ key: "a", value: 1 }] }, /pair/],
      [{ value: 1, set: [[1, 1]] }, /key must be a string/],
      [{ value: 1, set: [[null, 1]] }, /key must be a string/],
      [{ value: 1, set: Promise.resolve(set) }, /pairs/],
      [
        {
          value: 1,
          set: (async function* () {
            yield ["a", 1];
          })(),
        },
        /pairs/,
      ],
      [{ then: () => {}, value: 1, set }, /async/],
    ];
    // The failure of a refused promise must not end the process.
    const failing = () => Promise.reject(new Error("It failed"));
    const functions: [() => unknown, RegExp][] = [
      ...results.map(([result, what]): [() => unknown, RegExp] => [() => result, what]),
      [() => Promise.resolve({ value: 1, set }), /async/],
      [failing, /async/],
      [() => ({ value: 1, set: failing() }), /pairs.*Promise/],
      [() => ({ value: 1, set: [["a", failing()]] }), /JSON.*Promise/],
      [function* () {}, /./],
    ];
    for (const [give, what] of functions) {
      let ran = 0;
      const write = () =>
        store.transact("sess-1", {
          calls: 1,
          expiresAt: record("sess-1").expiresAt + 1,
          update: () => {
            ran++;
            return other<StateUpdate<unknown>>(give());
          },
        });
      const error = await assertRejects(write, TypeError, undefined, String(what));
      assert(what.test(error.message), `${what}: ${error.message}`);
      assertEquals(ran, 1, "it is not tried again");
    }
    const calls: (() => Promise<unknown>)[] = [
      () => store.transact("sess-1", { update: other("a") }),
      () => store.transact("sess-1", { keys: other("a"), update: () => ({ value: 1 }) }),
      () => store.transact("sess-1", { keys: other(["a", 1]), update: () => ({ value: 1 }) }),
      () => store.transact("sess-1", { keys: other(new Set("a")), update: () => ({ value: 1 }) }),
    ];
    for (const call of calls) await assertRejects(call, TypeError, "must be");
    assertEquals(await store.get("sess-1"), record("sess-1"));
    assertEquals(await all(store, "sess-1"), []);
    // Any iterable is a list.
    const lists = [new Map([["a", 1]]), new Set([["b", 2]] as const), [["c", 3]] as const];
    for (const set of lists) {
      await store.transact("sess-1", { update: () => ({ value: undefined, set }) });
    }
    assertEquals(await all(store, "sess-1"), [["a", 1], ["b", 2], ["c", 3]]);
  },
);

/** An array in arrays, deeper than a recursive check could go, where JSON itself goes as deep. */
function nestedArray(depth = 20_000): Json {
  let nested: Json = 0;
  for (let i = 0; i < depth; i++) nested = [nested];
  try {
    JSON.stringify(nested);
    return nested;
  } catch (error) {
    // JSON of Node 22 and 24 recurses.
    if (!(error instanceof RangeError) || depth < 100) throw error;
    return nestedArray(depth / 20);
  }
}
