import { assert, assertEquals } from "@std/assert";
import { canTakeProperty, mayDeclare, withProperty } from "../../handles/argument_schema.ts";

const object = { type: "object", properties: { a: { type: "string" } } };
const closed = { ...object, additionalProperties: false };
const plain = { required: ["a"] };

function nested(depth: number, around: (inner: unknown) => unknown, inner: unknown): unknown {
  for (let i = 0; i < depth; i++) inner = around(inner);
  return inner;
}

Deno.test.each<readonly [what: string, schema: unknown]>([
  ["has only a type", { type: "object" }],
  ["is empty", {}],
  ["may be an object among others", { ...object, type: ["null", "object"] }],
  ["is closed", closed],
  ["is closed to what is not evaluated", { ...object, unevaluatedProperties: false }],
  ["has required arguments", { ...closed, ...plain }],
  ["has definitions", { ...object, $defs: { b: { maxProperties: 1 } }, definitions: { c: false } }],
  ["refers to a definition in an argument", {
    ...closed,
    properties: { a: { $ref: "#/$defs/b" } },
    $defs: { b: { type: "object", properties: { more: { $ref: "#/$defs/b" } } } },
  }],
  ["has notes", { ...object, $schema: "x", $id: "y", title: "t", default: {}, examples: [{}] }],
  ["has a least number of arguments", { ...object, minProperties: 1 }],
  ["has keywords of a vendor", { ...object, "x-order": ["a"], propertyOrdering: ["a"] }],
  ["restricts what is in an argument", {
    ...closed,
    properties: { a: { enum: [1], not: { const: 2 } }, b: { maxProperties: 1, oneOf: [false] } },
  }],
  ["has arguments with the names of keywords", {
    ...closed,
    properties: { $ref: { type: "string" }, enum: {}, not: {}, maxProperties: {} },
  }],
  ["needs one argument with another", { ...closed, dependentRequired: { a: ["b"] } }],
  ["does so as it was once written", { ...closed, dependencies: { a: ["b"] } }],
  ["has more to say where an argument is there", { ...object, dependentSchemas: { a: plain } }],
  ["does that, too, as it was once written", { ...object, dependencies: { a: plain } }],
  ["has another pattern", { ...closed, patternProperties: { "^x-[a-z]+$": { type: "number" } } }],
  ["has plain branches", { ...object, allOf: [plain, { ...object, anyOf: [plain, {}] }] }],
  ["has a choice of required arguments", { ...object, oneOf: [plain, { required: ["b"] }] }],
  ["is open", { ...object, additionalProperties: true, anyOf: [plain] }],
  ["is open by a schema that all values meet", {
    ...object,
    additionalProperties: {},
    anyOf: [{}],
  }],
  ["is open to values of one type", { ...object, additionalProperties: { type: "number" } }],
])("canTakeProperty() is true for a schema that $0", (_, schema) => {
  const before = structuredClone(schema);
  assert(canTakeProperty(schema, "session"));
  assert(canTakeProperty(schema, "constructor"));
  assertEquals(schema, before);
});

Deno.test.each<readonly [what: string, schema: unknown]>([
  ["is not there", undefined],
  ["is null", null],
  ["is true", true],
  ["is false", false],
  ["is a text", "object"],
  ["is a list", [object]],
  ["is for another type", { type: "array" }],
  ["is for other types", { type: ["string", "null"] }],
  ["has a type that is none", { type: { object: true } }],
  ["has the argument", { properties: { session: {} } }],
  ["has the argument, and null for its schema", { properties: { session: null } }],
  ["requires the argument", { ...object, required: ["session"] }],
  ["needs others with the argument", { ...object, dependentRequired: { session: ["a"] } }],
  ["needs the argument with others", { ...object, dependentRequired: { a: ["session"] } }],
  ["asks more of calls with the argument", { ...object, dependentSchemas: { session: {} } }],
  ["did so as it was once written", { ...object, dependencies: { session: ["a"] } }],
  ["has properties that are a list", { type: "object", properties: [] }],
  ["has properties that are null", { type: "object", properties: null }],
  ["has patterns that are a list", { type: "object", patternProperties: ["x"] }],
  ["refers to another", { $ref: "#/definitions/a", definitions: { a: object } }],
  ["refers to another besides", { ...object, $ref: "#/$defs/a", $defs: { a: plain } }],
  ["refers dynamically", { ...object, $dynamicRef: "#a" }],
  ["refers recursively", { ...object, $recursiveRef: "#" }],
  ["has a most number of arguments", { ...object, maxProperties: 9 }],
  ["restricts the names", { ...object, propertyNames: { maxLength: 3 } }],
  ["restricts by negation", { ...object, not: { required: ["b"] } }],
  ...["if", "then", "else"].map((keyword) =>
    [`has a condition by ${keyword}`, { ...object, [keyword]: plain }] as const
  ),
  ["lists all calls", { ...object, enum: [{}] }],
  ["has only one call", { ...object, const: {} }],
  ["has a pattern for the name", { ...object, patternProperties: { "ssi": {} } }],
  ["has a pattern that is no RegExp", { ...object, patternProperties: { "(": {} } }],
  ["has a pattern that is none in Unicode", { ...object, patternProperties: { "^x\\-": {} } }],
  ["has a pattern that takes for ever", {
    ...object,
    patternProperties: { "^(.|.|.|.|.|.|.|.)*!": {} },
  }],
  ["has a pattern of many choices", {
    ...object,
    patternProperties: { [`${"(|)".repeat(99)}!`]: {} },
  }],
  ...["allOf", "anyOf", "oneOf"].flatMap((keyword) =>
    [
      ["is closed beside", { ...closed, [keyword]: [plain] }],
      ["is closed to other types beside", {
        ...object,
        additionalProperties: { type: "number" },
        [keyword]: [plain],
      }],
      ["evaluates no more beside", { ...object, unevaluatedProperties: false, [keyword]: [plain] }],
      ["is closed within", { ...object, [keyword]: [closed] }],
      ["evaluates no more within", { [keyword]: [{ unevaluatedProperties: false }] }],
      ["is closed deep within", { [keyword]: [{ anyOf: [{ allOf: [plain, closed] }] }] }],
      ["restricts within", { ...object, [keyword]: [plain, { maxProperties: 3 }] }],
      ["refers within", { ...object, [keyword]: [{ $ref: "#/$defs/a" }], $defs: { a: plain } }],
      ["counts within", { ...object, [keyword]: [{ minProperties: 2 }] }],
      ["has a matching pattern within", { [keyword]: [{ patternProperties: { ".*": {} } }] }],
      ["has the argument within", { ...object, [keyword]: [{ properties: { session: {} } }] }],
      ["requires the argument within", { ...object, [keyword]: [{ required: ["session"] }] }],
      ["is for another type within", { ...object, [keyword]: [object, { type: "null" }] }],
      ["has true within", { ...object, [keyword]: [true] }],
      ["has false within", { ...object, [keyword]: [false] }],
      ["has no list, but a text, within", { ...object, [keyword]: "x" }],
    ].map(([what, schema]) => [`${what} ${keyword}`, schema] as const)
  ),
  ...["dependentSchemas", "dependencies"].flatMap((keyword) => [
    [`is closed within ${keyword}`, { ...object, [keyword]: { a: closed } }] as const,
    [`has false within ${keyword}`, { ...object, [keyword]: { a: false } }] as const,
    [`is closed beside ${keyword}`, { ...closed, [keyword]: { a: plain } }] as const,
  ]),
  ...["#", "", "#node", "#/", "other.json", "#/properties"].map((to) =>
    [`may refer to itself by "${to}"`, {
      ...object,
      $defs: { a: { items: { $ref: to } } },
    }] as const
  ),
  ["has an argument that is like the whole", { properties: { a: { $recursiveRef: "#" } } }],
  ["has an argument with a dynamic reference", {
    properties: { a: { $dynamicRef: "#/$defs/a" } },
    $defs: { a: {} },
  }],
  ["has very deep branches", nested(100_000, (inner) => ({ allOf: [inner] }), {})],
  ["has very deep arguments", nested(100_000, (a) => ({ properties: { a } }), {})],
])("canTakeProperty() is false for a schema that $0", (_, schema) => {
  assert(!canTakeProperty(schema, "session"));
});

Deno.test.each<readonly [what: string, schema: unknown]>([
  ["has it", { properties: { session: { type: "string" } } }],
  ["forbids it", { properties: { session: false } }],
  ["has null for its schema", { properties: { session: null } }],
  ["requires it", { required: ["a", "session"] }],
  ["needs others with it", { dependentRequired: { session: [] } }],
  ["needs it with others", { dependentRequired: { a: ["b", "session"] } }],
  ["needed others with it as that was once written", { dependencies: { session: ["a"] } }],
  ["needed it with others as that was once written", { dependencies: { a: ["session"] } }],
  ["asks more of calls with it", { dependentSchemas: { session: {} } }],
  ...["allOf", "anyOf", "oneOf"].map((keyword) =>
    [`has it in ${keyword}`, { [keyword]: [true, { properties: { session: {} } }] }] as const
  ),
  ...["if", "then", "else", "not"].map((keyword) =>
    [`has it in ${keyword}`, { [keyword]: { required: ["session"] } }] as const
  ),
  ...["dependentSchemas", "dependencies"].map((keyword) =>
    [`has it in ${keyword}`, { [keyword]: { a: { properties: { session: {} } } } }] as const
  ),
  ["has it in a branch of a branch", { allOf: [{ anyOf: [{ then: { required: ["session"] } }] }] }],
  ["refers to it", { $ref: "#/definitions/a", definitions: { a: { required: ["session"] } } }],
  ["refers to it in a branch", {
    anyOf: [{ $ref: "#/$defs/a" }],
    $defs: { a: { $ref: "#/$defs/b" }, b: { properties: { session: {} } } },
  }],
  ["refers to it by escapes", {
    $ref: "#/$defs/a~1b~0%20c",
    $defs: { "a/b~ c": { properties: { session: {} } } },
  }],
  ["refers to it in a list", {
    $ref: "#/$defs/a/oneOf/1",
    $defs: { a: { oneOf: [{}, { required: ["session"] }] } },
  }],
  ["refers to another document", { $ref: "arguments.json" }],
  ["refers to what is not there", { $ref: "#/$defs/a" }],
  ["refers to an anchor", { $dynamicRef: "#a" }],
  ["refers by an escape that is none", { $ref: "#/%zz" }],
  ["invites any", { ...object, additionalProperties: true }],
  ["invites any by a schema", { ...object, additionalProperties: {} }],
  ["invites texts", { ...object, additionalProperties: { type: "string" } }],
  ["invites any that is not evaluated", { ...object, unevaluatedProperties: true }],
  ["invites any in a branch", { ...object, allOf: [{ additionalProperties: true }] }],
  ["invites it by a pattern", { ...closed, patternProperties: { "^s": {} } }],
  ["is too deep", nested(100_000, (inner) => ({ allOf: [inner] }), {})],
])('mayDeclare() is true of "session" for a schema that $0', (_, schema) => {
  assert(mayDeclare(schema, "session"));
});

Deno.test.each<readonly [what: string, schema: unknown]>([
  ["is not there", undefined],
  ["is none", "session"],
  ["is open only as schemas are", object],
  ["is closed", closed],
  ["has it in an argument", { properties: { a: { required: ["session"], properties: closed } } }],
  ["has it in a definition alone", { $defs: { session: { required: ["session"] } } }],
  ["invites another by a pattern", { patternProperties: { "^x-": {} } }],
  ["invites any in an argument", { properties: { a: { additionalProperties: true } } }],
  ["refers to itself", { ...object, anyOf: [{ $ref: "#" }, { $ref: "#/anyOf/0" }] }],
  ["has properties that are none", { properties: ["session"] }],
])('mayDeclare() is false of "session" for a schema that $0', (_, schema) => {
  assert(!mayDeclare(schema, "session"));
});

Deno.test("mayDeclare() and canTakeProperty() know an argument from what all objects inherit", () => {
  for (const name of ["constructor", "__proto__", "toString"]) {
    const own = JSON.parse(`{"properties":{"${name}":{"type":"number"}}}`);
    assert(!mayDeclare(object, name), name);
    assert(mayDeclare(own, name), name);
    assert(!canTakeProperty(own, name), name);
    assert(canTakeProperty(own, "session"), name);
    const taken = JSON.stringify(withProperty(own, "session", {}));
    assertEquals(taken, `{"properties":{"${name}":{"type":"number"},"session":{}}}`);
  }
  const polluted = JSON.parse('{"__proto__":{"properties":{"session":{}},"maxProperties":1}}');
  assert(!mayDeclare(polluted, "session"));
  assert(canTakeProperty(polluted, "session"));
});

Deno.test("canTakeProperty() is true of a second name for a tool that invites any", () => {
  for (const additionalProperties of [true, {}, { type: "string" }]) {
    const schema = { ...object, additionalProperties };
    assert(mayDeclare(schema, "session"));
    assert(canTakeProperty(schema, "session_handle"));
  }
});

Deno.test("canTakeProperty() and mayDeclare() look at each of many shared branches once", () => {
  const $defs: Record<string, unknown> = { a60: {} };
  let branch: unknown = {};
  for (let i = 0; i < 60; i++) {
    branch = { allOf: [branch, branch] };
    $defs[`a${i}`] = { allOf: [{ $ref: `#/$defs/a${i + 1}` }, { $ref: `#/$defs/a${i + 1}` }] };
  }
  assert(canTakeProperty(branch, "session"));
  assert(!mayDeclare({ $ref: "#/$defs/a0", $defs }, "session"));
});

Deno.test("withProperty() adds one optional property to a copy", () => {
  const schema = { ...closed, ...plain, title: "t" };
  const before = structuredClone(schema);
  const property = { type: "string", description: "d" };
  assertEquals(withProperty(schema, "session", property), {
    ...before,
    properties: { a: { type: "string" }, session: property },
  });
  assertEquals(withProperty({ type: "object" }, "session", property), {
    type: "object",
    properties: { session: property },
  });
  assertEquals(schema, before);
});
