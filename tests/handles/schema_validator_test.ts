/**
 * The verdicts on schemas, held against Ajv: random schemas of all keywords that apply to objects, each
 * with random calls.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Ajv, type ValidateFunction } from "npm:ajv@^8";
import { Ajv2019 } from "npm:ajv@^8/dist/2019.js";
import { Ajv2020 } from "npm:ajv@^8/dist/2020.js";
import { canTakeProperty, withProperty } from "../../handles/schema.ts";
import { isObject } from "../../runtime/json.ts";
import { Random, testSeed } from "../support/random.ts";

type Schema = Record<string, unknown>;

const NAME = "session";
const CALLS = 12;

const silent = { logger: false, strict: false } as const;
const VALIDATORS = {
  "draft 7": new Ajv(silent),
  "draft 2019-09": new Ajv2019(silent),
  "draft 2020-12": new Ajv2020(silent),
  "draft 2020-12, strict": new Ajv2020({ logger: false }),
};

const CLOSING = ["additionalProperties", "unevaluatedProperties"];
const ARGUMENTS = ["a", "b", "x-c", "xd"];
const REFERENCES = ["#", "#/$defs/d", "#/$defs/closed", "#/properties/a", "#whole"];
const PATTERNS = ["^x-", "^x", "s", "^[a-z]+$", ".*", "^[^s]*$", "\\d"];

/** A map of some of `keys` to what is made for each. */
function map<T>(random: Random, keys: readonly string[], make: () => T): Record<string, T> {
  return Object.fromEntries(
    keys.filter(() => random.chance(0.4)).map((key) => [key, make()] as const),
  );
}

/** Arguments, now and then with one of the name in question. */
function names(random: Random): string[] {
  return [...ARGUMENTS, NAME].filter((name) => random.chance(name === NAME ? 0.05 : 0.3));
}

/** The schema of an argument. */
function valueSchema(random: Random, depth: number): unknown {
  return random.pick<() => unknown>([
    () => ({ type: "string" }),
    () => ({ type: ["string", "number"] }),
    () => ({}),
    () => random.chance(0.8),
    () => ({ $ref: random.pick(REFERENCES) }),
    () => ({ [random.pick(["$dynamicRef", "$recursiveRef"])]: random.pick(REFERENCES) }),
    () => depth > 0 ? schema(random, depth - 1) : { type: "object" },
  ])();
}

/** Keywords by which a schema may restrict calls; the first ones leave room for more arguments. */
const KEYWORDS: readonly (readonly [
  keyword: string,
  make: (random: Random, depth: number) => unknown,
])[] = [
  ["required", names],
  ["minProperties", (random) => random.below(4)],
  ["additionalProperties", () => false],
  ["unevaluatedProperties", () => false],
  ["dependentRequired", (random) => map(random, names(random), () => names(random))],
  ["x-vendor", (random) => random.below(9)],
  ["allOf", branches],
  ["anyOf", branches],
  ["oneOf", branches],
  ["dependentSchemas", (random, depth) => map(random, names(random), () => schema(random, depth))],
  ["dependencies", (random, depth) =>
    map(
      random,
      names(random),
      () => random.chance(0.5) ? names(random) : schema(random, depth),
    )],
  ["patternProperties", (random, depth) => map(random, PATTERNS, () => valueSchema(random, depth))],
  ["additionalProperties", valueSchema],
  ["unevaluatedProperties", valueSchema],
  ["maxProperties", (random) => random.below(5)],
  ["propertyNames", (random) => ({ maxLength: random.below(9) })],
  ["not", (random, depth) => schema(random, depth)],
  ["if", (random, depth) => schema(random, depth)],
  ["then", (random, depth) => schema(random, depth)],
  ["else", (random, depth) => schema(random, depth)],
  ["enum", (random) => [call(random), call(random)]],
  ["const", call],
  ["$ref", () => "#/$defs/closed"],
];

function branches(random: Random, depth: number): unknown[] {
  return Array.from({ length: 1 + random.below(3) }, () =>
    random.pick<() => unknown>([
      () => random.chance(0.8),
      () => ({ required: [random.pick([...ARGUMENTS, NAME])] }),
      () => ({ ...schema(random, 0), [random.pick(CLOSING)]: false }),
      () => ({ minProperties: random.below(5) }),
      () => schema(random, depth),
      () => schema(random, depth),
    ])());
}

function schema(random: Random, depth: number): Schema {
  const made: Schema = {};
  if (random.chance(0.6)) made.type = random.pick(["object", "object", ["object", "null"]]);
  if (random.chance(0.6)) {
    made.properties = map(random, names(random), () => valueSchema(random, depth - 1));
  }
  if (depth <= 0) return made;
  for (let i = 1 + random.below(3); i > 0; i--) {
    const [keyword, make] = random.pick(random.chance(0.6) ? KEYWORDS.slice(0, 12) : KEYWORDS);
    made[keyword] = make(random, depth - 1);
  }
  return made;
}

function wholeSchema(random: Random): Schema {
  const closed = { properties: { a: {}, b: {} }, additionalProperties: false };
  return { $anchor: "whole", $defs: { closed, d: schema(random, 1) }, ...schema(random, 3) };
}

/** The arguments of a call. */
function call(random: Random, depth = 2): Schema {
  return map(
    random,
    random.chance(0.2) ? [...ARGUMENTS, NAME] : ARGUMENTS,
    () => depth > 0 && random.chance(0.4) ? call(random, depth - 1) : random.pick(["text", 1]),
  );
}

/** The validator of a schema; `undefined` if Ajv does not take it. */
function compiled(ajv: Ajv, made: Schema): ((call: Schema) => boolean) | undefined {
  try {
    const validate = ajv.compile(made);
    return (call) => isAccepted(validate, call);
  } catch {
    return undefined;
  } finally {
    ajv.removeSchema(made);
  }
}

/** Whether a call is accepted; one on which the schema leads round and round is not. */
function isAccepted(validate: ValidateFunction, call: Schema): boolean {
  try {
    return validate(call);
  } catch {
    return false;
  }
}

/** Tries what `canTake` says on so many schemas, and counts the calls that could tell. */
function trial(random: Random, schemas: number, canTake: (schema: Schema) => boolean) {
  const faults: string[] = [];
  const count = { schemas: 0, accepted: 0, rejected: 0 };
  for (let i = 0; i < schemas; i++) {
    const made = wholeSchema(random);
    const calls = Array.from({ length: CALLS }, () => call(random));
    if (!canTake(made)) continue;
    count.schemas++;
    const added = withProperty(made, NAME, { type: "string", description: "A handle" });
    for (const [dialect, ajv] of Object.entries(VALIDATORS)) {
      const before = compiled(ajv, made);
      if (!before) continue;
      const after = compiled(ajv, added);
      const fault = (what: string) => faults.push(`${dialect}: ${what}: ${JSON.stringify(made)}`);
      if (!after) fault("does not compile any more");
      for (const call of after ? calls : []) {
        const wasAccepted = before(call);
        count[wasAccepted ? "accepted" : "rejected"]++;
        for (const text of wasAccepted ? ["sess-0123", ""] : []) {
          if (!after?.({ ...call, [NAME]: text })) fault(`rejects ${JSON.stringify(call)} with it`);
        }
        if (!(NAME in call) && after?.(call) !== wasAccepted) {
          fault(`${wasAccepted ? "rejects" : "accepts"} ${JSON.stringify(call)} without it`);
        }
      }
    }
  }
  return { faults, count };
}

Deno.test("canTakeProperty(): Ajv goes on accepting and rejecting the calls that it did", () => {
  const seed = testSeed();
  const { faults, count } = trial(
    new Random(seed),
    2000,
    (schema) => canTakeProperty(schema, NAME),
  );
  assertEquals(faults.slice(0, 3), [], `seed ${seed}, ${faults.length} faults`);
  assert(
    count.schemas > 100 && count.accepted > 1000 && count.rejected > 1000,
    `seed ${seed} tries too little: ${JSON.stringify(count)}`,
  );
});

Deno.test("canTakeProperty(): Ajv would tell if only a property of the name were looked for", () => {
  // With this seed, few schemas are enough for each of the three.
  const { faults } = trial(
    new Random(3),
    200,
    ({ properties }) => !isObject(properties) || !Object.hasOwn(properties, NAME),
  );
  for (const what of [/rejects .* with it/, /rejects .* without it/, /accepts .* without it/]) {
    assert(faults.some((fault) => what.test(fault)), `nothing ${what}`);
  }
});
