/**
 * Whether the schema of a tool's arguments can take one more property.
 *
 * @module
 */

import { isObject, member } from "../protocol.ts";

/** Whether a tool with this `inputSchema` may have an argument `name` of its own. */
export function mayDeclare(schema: unknown, name: string): boolean {
  return member(member(schema, "properties"), name) !== undefined;
}

/**
 * Whether calls that a validator accepts are still accepted with a text as `name` beside their
 * arguments, once {@linkcode withProperty} has put it into the schema.
 */
export function canTakeProperty(schema: unknown, name: string): boolean {
  return isObject(schema) && !mayDeclare(schema, name);
}

/** The schema with one more optional property. */
export function withProperty(
  schema: Record<string, unknown>,
  name: string,
  property: object,
): Record<string, unknown> {
  const properties = isObject(schema.properties) ? schema.properties : {};
  return { ...schema, properties: { ...properties, [name]: property } };
}
