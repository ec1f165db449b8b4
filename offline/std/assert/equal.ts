/**
 * Deep equality as assertions mean it.
 *
 * @module
 */

/** Whether two values are deeply equal. Weak collections are not covered. */
export function equal(a: unknown, b: unknown): boolean {
  return compare(a, b, new Map());
}

function compare(a: unknown, b: unknown, seen: Map<object, object>): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (!isObject(a) || !isObject(b) || prototypeOf(a) !== prototypeOf(b)) return false;
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime());
  if (a instanceof RegExp || a instanceof URL || a instanceof URLSearchParams) {
    return String(a) === String(b);
  }
  if (a instanceof ArrayBuffer && b instanceof ArrayBuffer) {
    return sameItems(new Uint8Array(a), new Uint8Array(b));
  }
  if (isTypedArray(a) && isTypedArray(b)) return sameItems(a, b);
  if (seen.get(a) === b) return true;
  seen.set(a, b);
  if (a instanceof Set && b instanceof Set) {
    return a.size === b.size &&
      [...a].every((item) =>
        b.has(item) || isObject(item) && [...b].some((other) => compare(item, other, seen))
      );
  }
  if (a instanceof Map && b instanceof Map) {
    return a.size === b.size &&
      [...a].every(([key, value]) => {
        if (b.has(key)) return compare(value, b.get(key), seen);
        return isObject(key) &&
          [...b].some(([otherKey, other]) =>
            compare(key, otherKey, seen) && compare(value, other, seen)
          );
      });
  }
  if (Object.keys(a).length !== Object.keys(b).length) return false;
  for (const key of new Set([...keysOf(a), ...keysOf(b)])) {
    if (!(key in a) || !(key in b)) return false;
    if (!compare(Reflect.get(a, key), Reflect.get(b, key), seen)) return false;
  }
  return true;
}

function sameItems(a: ArrayLike<unknown>, b: ArrayLike<unknown>): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) {
    if (a[at] !== b[at] && !Object.is(a[at], b[at])) return false;
  }
  return true;
}

/** In an instance, its getters count, and what it hides, such as an error's message. */
function keysOf(value: object): PropertyKey[] {
  const prototype = prototypeOf(value);
  if (prototype === Object.prototype || prototype === Array.prototype) {
    return Reflect.ownKeys({ ...value });
  }
  const keys: PropertyKey[] = [];
  for (let level: unknown = value; isObject(level); level = Object.getPrototypeOf(level)) {
    if (level === Object.prototype || level === Array.prototype) break;
    keys.push(...Reflect.ownKeys(level));
  }
  return keys;
}

function prototypeOf(value: object): unknown {
  return Object.getPrototypeOf(value) ?? Object.prototype;
}

function isTypedArray(value: object): value is Uint8Array {
  return value instanceof Object.getPrototypeOf(Uint8Array);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
