/**
 * Values as JSON text, refused where JSON would quietly keep something else.
 *
 * @module
 */

/** The longest way to a value that an error shows, in characters. */
const MAX_SHOWN = 80;

/** Whether an object is of no class, as a literal or `JSON.parse` makes it. */
export function isPlain(value: unknown): value is Members {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * The JSON text of a value, from which the same value can be read again. Members of objects that are
 * `undefined` are left out: an absent one reads the same.
 *
 * @throws {TypeError} naming what JSON cannot hold, and where it stands.
 */
export function encodeJson(value: unknown): string {
  return new JsonWriter().write(value);
}

type Members = Readonly<Record<string, unknown>>;

/** An array or object whose members are being written. */
interface Level {
  readonly of: Members;
  readonly isArray: boolean;
  readonly keys: readonly string[];
  /** How many members were looked at. */
  done: number;
  isEmpty: boolean;
}

// Not recursive: JSON may be nested deeper than calls can be.
class JsonWriter {
  readonly #levels: Level[] = [];
  readonly #around = new Set<object>();
  #text = "";

  write(value: unknown): string {
    this.#put(value);
    for (let level = this.#levels.at(-1); level; level = this.#levels.at(-1)) this.#step(level);
    return this.#text;
  }

  #step(level: Level) {
    const { of, isArray, keys } = level;
    const key = keys[level.done++];
    if (key === undefined) {
      this.#text += isArray ? "]" : "}";
      this.#around.delete(of);
      this.#levels.pop();
      return;
    }
    // Read once: a getter may give another value the next time.
    const member = of[key];
    if (member === undefined && !isArray) return;
    if (!level.isEmpty) this.#text += ",";
    level.isEmpty = false;
    if (!isArray) this.#text += `${quote(key)}:`;
    this.#put(member);
  }

  #put(value: unknown) {
    switch (typeof value) {
      case "string":
        this.#text += quote(value);
        break;
      case "boolean":
        this.#text += value;
        break;
      case "number":
        if (!Number.isFinite(value)) throw this.#notJson(describe(value));
        this.#text += value;
        break;
      case "object":
        if (value === null) this.#text += "null";
        else this.#open(value);
        break;
      default:
        throw this.#notJson(describe(value));
    }
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
    this.#levels.push({ of, isArray, keys, done: 0, isEmpty: true });
    this.#around.add(of);
    this.#text += isArray ? "[" : "{";
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

function quote(text: string): string {
  if (text.isWellFormed()) return JSON.stringify(text);
  throw new TypeError("A value must be well-formed Unicode: it has a lone surrogate");
}

/** Takes a promise that is refused from its maker: its failure must not end the process. */
export function abandon(value: unknown) {
  if (value instanceof Promise) value.catch(() => {});
}

/** A value in words, without what is in it. */
export function describe(value: unknown): string {
  if (value === null || value === undefined || typeof value === "number") return `${value}`;
  if (typeof value !== "object") return `a ${typeof value}`;
  if (Array.isArray(value)) return "an array";
  if (isPlain(value)) return Object.keys(value).length === 0 ? "an empty object" : "an object";
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  return typeof name === "string" && name !== "" ? `an instance of ${name}` : "of a class";
}
