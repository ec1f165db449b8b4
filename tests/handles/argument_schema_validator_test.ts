/**
 * `canTakeProperty()` against Ajv: random schemas of all keywords that apply to objects, each with
 * random calls.
 */

import { assert, assertEquals } from "@std/assert";
import { Ajv, type ValidateFunction } from "npm:ajv@^8";
import { Ajv2019 } from "npm:ajv@^8/dist/2019.js";
import { Ajv2020 } from "npm:ajv@^8/dist/2020.js";
import fc from "npm:fast-check@^4";
import { canTakeProperty, withProperty } from "../../handles/argument_schema.ts";
import { isObject } from "../../runtime/json.ts";

type Schema = Record<string, unknown>;

const NAME = "session";

const silent = { logger: false, strict: false } as const;
const VALIDATORS = {
  "draft 7": new Ajv(silent),
  "draft 2019-09": new Ajv2019(silent),
  "draft 2020-12": new Ajv2020(silent),
  "draft 2020-12, strict": new Ajv2020({ logger: false }),
};

const ARGUMENTS = ["a", "b", "x-c", "xd"];
const REFERENCES = ["#", "#/$defs/d", "#/$defs/closed", "#/properties/a", "#whole"];
const PATTERNS = ["^x-", "^x", "s", "^[a-z]+$", ".*", "^[^s]*$", "\\d"];

/** Argument names, rarely the one in question. */
const name = fc.oneof(
  { weight: 24, arbitrary: fc.constantFrom(...ARGUMENTS) },
  { weight: 1, arbitrary: fc.constant(NAME) },
);
const names = fc.uniqueArray(name, { maxLength: 3 });

function map(value: fc.Arbitrary<unknown>, key: fc.Arbitrary<string> = name): fc.Arbitrary<Schema> {
  return fc.dictionary(key, value, { maxKeys: 3, noNullPrototype: true });
}

/** The arguments of a call. */
const { call } = fc.letrec<{ call: Schema }>((tie) => ({
  call: map(fc.oneof({ maxDepth: 2 }, fc.constantFrom("text", 1), tie("call"))),
}));

/** Schemas whose parts are `inner`, or that have none. */
function schemaOf(inner?: fc.Arbitrary<Schema>): fc.Arbitrary<Schema> {
  const flag = fc.constantFrom(true, true, true, false);
  const value = fc.oneof(
    fc.constantFrom({ type: "string" }, { type: ["string", "number"] }, {}),
    flag,
    map(fc.constantFrom(...REFERENCES), fc.constantFrom("$ref", "$dynamicRef", "$recursiveRef")),
    inner ?? fc.constant({ type: "object" }),
  );
  const type = fc.constantFrom({}, { type: "object" }, { type: ["object", "null"] });
  const properties = fc.option(map(value)).map((properties) => properties ? { properties } : {});
  const own = fc.tuple(type, properties).map((parts): Schema => Object.assign({}, ...parts));
  if (!inner) return own;

  const closing = map(
    fc.constant(false),
    fc.constantFrom("additionalProperties", "unevaluatedProperties"),
  );
  const branch = fc.oneof(
    flag,
    name.map((name) => ({ required: [name] })),
    fc.tuple(own, closing).map(([own, closing]) => ({ ...own, ...closing })),
    fc.nat(4).map((minProperties) => ({ minProperties })),
    inner,
  );
  const branches = fc.array(branch, { minLength: 1, maxLength: 3 });
  /** Keywords that leave room for more arguments, and those that may not. */
  const open = {
    required: names,
    minProperties: fc.nat(3),
    additionalProperties: fc.constant(false),
    unevaluatedProperties: fc.constant(false),
    dependentRequired: map(names),
    "x-vendor": fc.nat(8),
    allOf: branches,
    anyOf: branches,
    oneOf: branches,
    dependentSchemas: map(inner),
    dependencies: map(fc.oneof(names, inner)),
    patternProperties: map(value, fc.constantFrom(...PATTERNS)),
  };
  const restrictive = {
    additionalProperties: value,
    unevaluatedProperties: value,
    maxProperties: fc.nat(4),
    propertyNames: fc.nat(8).map((maxLength) => ({ maxLength })),
    not: inner,
    if: inner,
    then: inner,
    else: inner,
    enum: fc.tuple(call, call),
    const: call,
    $ref: fc.constant("#/$defs/closed"),
  };
  const keywords = (of: Record<string, fc.Arbitrary<unknown>>) =>
    fc.oneof(...Object.entries(of).map(([key, value]) => value.map((made) => ({ [key]: made }))));
  const keyword = fc.oneof(
    { weight: 5, arbitrary: keywords(open) },
    { weight: 1, arbitrary: keywords(restrictive) },
  );
  return fc.tuple(own, fc.array(keyword, { minLength: 1, maxLength: 3 }))
    .map(([own, keywords]) => Object.assign({}, own, ...keywords));
}

const leaf = schemaOf();
const closed = { properties: { a: {}, b: {} }, additionalProperties: false };
const wholeSchema = fc.tuple(schemaOf(leaf), schemaOf(schemaOf(schemaOf(leaf))))
  .map(([d, schema]): Schema => ({ $anchor: "whole", $defs: { closed, d }, ...schema }));

/** Schemas, each with calls of its tool. */
const cases = fc.tuple(wholeSchema, fc.array(call, { minLength: 12, maxLength: 12 }));

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

/** Calls on which a validator's verdict was compared. */
const count = { schemas: 0, accepted: 0, rejected: 0 };

/** Changes of a validator's verdict by a property added to the schema. */
function faultsOf([made, calls]: readonly [Schema, readonly Schema[]]): string[] {
  const faults: string[] = [];
  count.schemas++;
  const added = withProperty(made, NAME, { type: "string", description: "A handle" });
  for (const [dialect, ajv] of Object.entries(VALIDATORS)) {
    const before = compiled(ajv, made);
    if (!before) continue;
    const after = compiled(ajv, added);
    if (!after) faults.push(`${dialect}: does not compile any more`);
    for (const call of after ? calls : []) {
      const wasAccepted = before(call);
      count[wasAccepted ? "accepted" : "rejected"]++;
      const fault = (what: string) => faults.push(`${dialect}: ${what}: ${JSON.stringify(call)}`);
      for (const text of wasAccepted ? ["sess-0123", ""] : []) {
        if (!after?.({ ...call, [NAME]: text })) fault("rejects with it");
      }
      if (!(NAME in call) && after?.(call) !== wasAccepted) {
        fault(`${wasAccepted ? "rejects" : "accepts"} without it`);
      }
    }
  }
  return faults;
}

Deno.test("canTakeProperty(): Ajv goes on accepting and rejecting the calls that it did", () => {
  const property = fc.property(cases, (it) => {
    if (canTakeProperty(it[0], NAME)) assertEquals(faultsOf(it), []);
  });
  fc.assert(property, { numRuns: 2000 });
  assert(
    count.schemas > 100 && count.accepted > 1000 && count.rejected > 1000,
    `too little was compared: ${JSON.stringify(count)}`,
  );
});

Deno.test("canTakeProperty(): Ajv would tell if only a property of the name were looked for", () => {
  const undeclared = cases.filter(([{ properties }]) =>
    !isObject(properties) || !Object.hasOwn(properties, NAME)
  );
  // With this seed, few schemas are enough for each of the three.
  const faults = fc.sample(undeclared, { numRuns: 200, seed: 23 }).flatMap(faultsOf);
  for (const what of ["rejects with it", "rejects without it", "accepts without it"]) {
    assert(faults.some((fault) => fault.includes(what)), `nothing ${what}`);
  }
});
