/**
 * Values as JSON text. A value that JSON would silently change is refused.
 *
 * @module
 */

/** The longest path to a value that an error shows, in characters. */
const MAX_SHOWN = 80;

/** Whether an object is of no class, as a literal or `JSON.parse` makes it. */
export function isPlain(value: unknown): value is Members {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** A lone surrogate: only that is written by JSON.stringify as an escape of this form. */
const LONE_SURROGATE = /(?<!\\)(?:\\\\)*\\ud[89a-f][0-9a-f]{2}/;

/**
 * The JSON text of a value, which parses to the same value. Members that are `undefined` are left out,
 * as an absent one reads the same.
 *
 * @throws {TypeError} naming the part that JSON cannot hold, and the path to it.
 */
export function encodeJson(value: unknown): string {
  // Texts and numbers have nothing to look through.
  if (typeof value !== "string" && !Number.isFinite(value)) new JsonCheck().check(value);
  const json = JSON.stringify(value);
  if (json.includes("\\ud") && LONE_SURROGATE.test(json)) {
    throw new TypeError("A value must be well-formed Unicode: it has a lone surrogate");
  }
  return json;
}

type Members = Readonly<Record<string, unknown>>;

/** An array or object whose members are being checked. */
interface Level {
  readonly of: Members;
  readonly isArray: boolean;
  readonly keys: readonly string[];
  done: number;
}

// Not recursive: JSON may be nested deeper than the stack.
class JsonCheck {
  readonly #levels: Level[] = [];
  readonly #around = new Set<object>();

  check(value: unknown) {
    this.#look(value, false);
    for (let level = this.#levels.at(-1); level; level = this.#levels.at(-1)) this.#step(level);
  }

  #step(level: Level) {
    const { of, isArray, keys } = level;
    while (level.done < keys.length) {
      const depth = this.#levels.length;
      this.#look(of[keys[level.done++]!], !isArray);
      if (this.#levels.length > depth) return;
    }
    this.#around.delete(of);
    this.#levels.pop();
  }

  #look(value: unknown, mayLack: boolean) {
    switch (typeof value) {
      case "string":
      case "boolean":
        return;
      case "number":
        if (!Number.isFinite(value)) throw this.#notJson(describe(value));
        return;
      case "object":
        if (value !== null) this.#open(value);
        return;
      case "undefined":
        if (mayLack) return;
    }
    throw this.#notJson(describe(value));
  }

  #open(of: object) {
    const isArray = isPlainArray(of);
    if (!isArray && !isPlain(of)) {
      abandon(of);
      throw this.#notJson(describe(of));
    }
    if (this.#around.has(of)) throw this.#notJson("a part of itself (circular)");
    if (typeof of.toJSON === "function") {
      throw this.#notJson("an object with a toJSON() of its own");
    }
    if (Object.getOwnPropertySymbols(of).length > 0) {
      throw this.#notJson("an object with a member named by a symbol");
    }
    const keys = Object.keys(of);
    if (isArray && keys.length !== of.length) {
      throw this.#notJson("an array with holes, or with named members");
    }
    this.#levels.push({ of, isArray, keys, done: 0 });
    this.#around.add(of);
  }

  #notJson(what: string): TypeError {
    const way = this.#levels.map(({ isArray, keys, done }) => {
      const key = keys[done - 1] ?? "";
      return isArray ? `[${key}]` : `[${JSON.stringify(key)}]`;
    }).join("");
    const shown = way.length > MAX_SHOWN ? `${way.slice(0, MAX_SHOWN)}…` : way;
    return new TypeError(
      `A value must be JSON: ${way === "" ? "it" : `at ${shown} it`} is ${what}`,
    );
  }
}

function isPlainArray(value: object): value is Members & { readonly length: number } {
  return Array.isArray(value) && Object.getPrototypeOf(value) === Array.prototype;
}

/** Ignores the failure of a promise that is refused, which must not end the process. */
export function abandon(value: unknown) {
  if (value instanceof Promise) value.catch(() => {});
}

/** The kind of a value in words, without its content. */
export function describe(value: unknown): string {
  if (value === null || value === undefined || typeof value === "number") return `${value}`;
  if (typeof value !== "object") return `a ${typeof value}`;
  if (Array.isArray(value)) return "an array";
  if (isPlain(value)) return Object.keys(value).length === 0 ? "an empty object" : "an object";
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  return typeof name === "string" && name !== "" ? `an instance of ${name}` : "of a class";
}
