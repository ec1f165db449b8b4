/** Any JSON value. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** Whether `value` is an object in the sense of JSON: neither `null` nor an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The own member `name` of `object`; `null` counts as absent, as on the wire. */
export function member(object: unknown, name: string): unknown {
  if (!isObject(object) || !Object.hasOwn(object, name)) return undefined;
  return object[name] ?? undefined;
}
