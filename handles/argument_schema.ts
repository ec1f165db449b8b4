/**
 * Schemas of tools' arguments: whether one more property can be added.
 *
 * @module
 */

import { isObject, member } from "../runtime/json.ts";

type Schema = Record<string, unknown>;

/** The most levels of a schema that are walked. Validators recurse, and overflow far below. */
const MAX_DEPTH = 128;

/** The most quantifiers and alternatives of a pattern that is tried: backtracking is exponential. */
const MAX_CHOICES = 4;

const REFERENCES = ["$ref", "$dynamicRef", "$recursiveRef"] as const;

/** Keywords whose schemas apply to the same value as the schema around them. */
const BRANCHES = ["allOf", "anyOf", "oneOf", "not", "if", "then", "else"] as const;

/** Keywords that may reject one more argument, whatever else the schema says. */
const RESTRICTIONS: readonly string[] = [
  ...REFERENCES,
  "maxProperties",
  "propertyNames",
  "not",
  "if",
  "then",
  "else",
  "enum",
  "const",
];

/**
 * Whether a tool with this `inputSchema` may have an argument `name` of its own: by a declaration,
 * by an invitation of any name (`additionalProperties: true`), or behind a reference that cannot be
 * followed. An absent `additionalProperties` invites nothing.
 */
export function mayDeclare(schema: unknown, name: string): boolean {
  if (!isObject(schema)) return false;
  const parts = partsOf(schema);
  return !parts ||
    parts.some((part) =>
      part === undefined || isObject(part) && (declares(part, name) || invites(part, name))
    );
}

/** Whether the schema takes `name` only as it takes arguments of any name. */
export function onlyInvites(schema: unknown, name: string): boolean {
  const parts = isObject(schema) ? partsOf(schema) : undefined;
  return parts !== undefined &&
    parts.every((part) => part !== undefined && !(isObject(part) && declares(part, name))) &&
    parts.some((part) => isObject(part) && invites(part, name));
}

/**
 * Whether a validator still accepts the calls that it accepted, with a text as `name` added, once
 * {@linkcode withProperty} has put it into the schema. In doubt, `false`. An invitation of any name is
 * no obstacle: a free-form tool takes a name that it does not declare.
 */
export function canTakeProperty(schema: unknown, name: string): boolean {
  if (!isObject(schema)) return false;
  const parts = partsOf(schema);
  if (!parts || refersToItself(schema)) return false;
  return parts.every((part) =>
    isObject(part) && isPlain(part, name) && !declares(part, name) &&
    // A branch does not get the property, so its verdict must not depend on it; oneOf even needs
    // that no further branch accepts.
    (parts.length === 1 || isOpen(part)) &&
    (part === schema || !Object.hasOwn(part, "minProperties"))
  );
}

export function withProperty(schema: Schema, name: string, property: object): Schema {
  const properties = member(schema, "properties");
  return { ...schema, properties: { ...(isObject(properties) && properties), [name]: property } };
}

/**
 * All schemas that apply to the arguments as a whole: the schema, and its branches at any depth.
 * An `undefined` part is a reference that cannot be followed. `undefined` alone is too deep.
 */
function partsOf(whole: Schema): readonly unknown[] | undefined {
  return reach(whole, (part) => {
    if (!isObject(part)) return [];
    const references = REFERENCES.filter((keyword) => Object.hasOwn(part, keyword));
    return [
      ...BRANCHES.flatMap((keyword) => member(part, keyword) ?? []),
      ...valuesOf(part, "dependentSchemas"),
      ...valuesOf(part, "dependencies").filter((value) => !isNames(value)),
      ...references.map((keyword) => targetOf(whole, part[keyword])),
    ];
  });
}

/** Whether a reference may mean the whole schema, and so bring the property elsewhere. */
function refersToItself(whole: Schema): boolean {
  const values = reach(
    whole,
    (value) => Object.values(value ?? {}).filter((value) => typeof value === "object" && value),
  );
  return !values || values.some((value) =>
    REFERENCES.some((keyword) => {
      const reference = member(value, keyword);
      // #/$defs/a, two steps down, is another schema. Other forms may mean the whole, and Ajv takes
      // most dynamic references for it.
      return typeof reference === "string" &&
        (keyword !== "$ref" || !/^#\/[^/]+\/./.test(reference));
    })
  );
}

/** All values that can be reached from `start`, nearest first; `undefined` if that is too deep. */
function reach(
  start: unknown,
  stepsFrom: (value: unknown) => readonly unknown[],
): readonly unknown[] | undefined {
  const reached = new Set([start]);
  let level = reached;
  for (let depth = 0; level.size > 0; depth++) {
    if (depth === MAX_DEPTH) return undefined;
    level = new Set([...level].flatMap(stepsFrom)).difference(reached);
    for (const value of level) reached.add(value);
  }
  return [...reached];
}

/** The schema that a local reference means (RFC 6901), `undefined` if it cannot be followed. */
function targetOf(whole: Schema, reference: unknown): unknown {
  if (typeof reference !== "string" || !/^#(?:\/|$)/.test(reference)) return undefined;
  try {
    return decodeURIComponent(reference).split("/").slice(1).reduce<unknown>(
      (value, step) =>
        Array.isArray(value)
          ? value[Number(step)]
          : member(value, step.replaceAll("~1", "/").replaceAll("~0", "~")),
      whole,
    );
  } catch {
    return undefined;
  }
}

/** Whether the schema names `name` as an argument. */
function declares(part: Schema, name: string): boolean {
  const isNamed = ["properties", "dependentRequired", "dependentSchemas", "dependencies"].some(
    (keyword) => Object.hasOwn(Object(member(part, keyword)), name),
  );
  const lists = [
    member(part, "required"),
    ...valuesOf(part, "dependentRequired"),
    ...valuesOf(part, "dependencies"),
  ];
  return isNamed || lists.filter(isNames).some((names) => [names].flat().includes(name));
}

/** Whether the schema explicitly allows arguments that it does not list, `name` among them. */
function invites(part: Schema, name: string): boolean {
  return matchesPattern(part, name) ||
    ["additionalProperties", "unevaluatedProperties"].some((keyword) =>
      (member(part, keyword) ?? false) !== false
    );
}

/** Whether no keyword, branches aside, could reject `name` as one more argument. */
function isPlain(part: Schema, name: string): boolean {
  const type = member(part, "type");
  return !RESTRICTIONS.some((keyword) => Object.hasOwn(part, keyword)) &&
    (type === undefined || [type].flat().includes("object")) &&
    ["properties", "patternProperties"].every((keyword) =>
      !Object.hasOwn(part, keyword) || isObject(part[keyword])
    ) &&
    !matchesPattern(part, name);
}

function isOpen(part: Schema): boolean {
  return ["additionalProperties", "unevaluatedProperties"].every((keyword) => {
    if (!Object.hasOwn(part, keyword) || part[keyword] === true) return true;
    return isObject(part[keyword]) && Object.keys(part[keyword]).length === 0;
  });
}

function matchesPattern(part: Schema, name: string): boolean {
  const patterns = member(part, "patternProperties");
  return isObject(patterns) && Object.keys(patterns).some((pattern) => matches(pattern, name));
}

/** Whether a pattern matches. An invalid or slow pattern counts as matching. */
function matches(pattern: string, name: string): boolean {
  const choices = pattern.replace(/[^*+?|{]/g, "").length;
  const isSlow = choices > MAX_CHOICES || /\)[*+?{]/.test(pattern);
  try {
    return isSlow || new RegExp(pattern, "u").test(name);
  } catch {
    return true;
  }
}

function valuesOf(part: Schema, keyword: string): readonly unknown[] {
  return Object.values(Object(member(part, keyword)));
}

function isNames(value: unknown): value is string | readonly unknown[] {
  return typeof value === "string" || Array.isArray(value);
}
