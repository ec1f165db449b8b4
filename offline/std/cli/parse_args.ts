/**
 * The part of `@std/cli/parse-args` that this project uses, for networks that reach no JSR: the options
 * `string`, `boolean`, `collect`, `default`, `alias` and `unknown`, on names without a dot.
 *
 * @module
 */

/** Options of `parseArgs()`. */
export interface ParseOptions<
  B extends string = string,
  S extends string = string,
  C extends string = string,
  D extends Record<string, unknown> = Record<string, unknown>,
> {
  /** Names that take no value; `false` when absent. */
  boolean?: B | readonly B[];
  /** Names whose value stays a string, however much it looks like a number. */
  string?: S | readonly S[];
  /** Names that may come several times; with `string`, `[]` when absent. */
  collect?: C | readonly C[];
  /** Values for names that are absent. */
  default?: D;
  /** Other names for a name. */
  alias?: Record<string, string | readonly string[]>;
  /** Called with what no option names; `false` leaves it out of the result. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

type Flags<B extends string, S extends string, C extends string> =
  & { [K in Exclude<B, C>]: boolean }
  & { [K in Exclude<S, C>]?: string }
  & { [K in C]: (K extends S ? string : K extends B ? boolean : unknown)[] };

/** A value for each name, and in `_` all that belongs to no name. */
export type Args<F, D> =
  & Record<string, unknown>
  & Omit<F, keyof D>
  & { [K in keyof D]: K extends keyof F ? D[K] | NonNullable<F[K]> : unknown }
  & { _: (string | number)[] };

/** Reads command line arguments. */
export function parseArgs<
  B extends string = never,
  S extends string = never,
  C extends string = never,
  D extends Record<string, unknown> = Record<never, never>,
>(args: string[], options: ParseOptions<B, S, C, D> = {}): Args<Flags<B, S, C>, D> {
  const aliases = new Map<string, string[]>();
  for (const [name, others] of Object.entries(options.alias ?? {})) {
    const group = [name, ...[others].flat()];
    for (const member of group) aliases.set(member, group.filter((other) => other !== member));
  }
  const names = (option: string | readonly string[] = []): Set<string> =>
    new Set([option].flat().flatMap((name) => [name, ...aliases.get(name) ?? []]));
  const booleans = names(options.boolean);
  const strings = names(options.string);
  const collected = names(options.collect);

  const result: Record<string, unknown> & { _: (string | number)[] } = { _: [] };
  const numeric = (text: string): string | number =>
    /\S/.test(text) && Number.isFinite(Number(text)) ? Number(text) : text;

  function set(name: string, value: string | boolean, arg: string): void {
    const known = [booleans, strings, collected, aliases].some((names) => names.has(name));
    if (!known && options.unknown?.(arg, name, value) === false) return;
    const typed = typeof value === "string" && !strings.has(name) ? numeric(value) : value;
    for (const key of [name, ...aliases.get(name) ?? []]) {
      const before = result[key];
      if (!collected.has(key)) result[key] = typed;
      else if (Array.isArray(before)) before.push(typed);
      else result[key] = [typed];
    }
  }

  /** Sets `name` to the argument after it, or to what its absence means; whether it was used up. */
  function setFromNext(name: string, next: string | undefined, flagLike: RegExp, arg: string) {
    if (next && !booleans.has(name) && !flagLike.test(next)) set(name, next, arg);
    else if (next === "true" || next === "false") set(name, next === "true", arg);
    else {
      set(name, strings.has(name) ? "" : true, arg);
      return false;
    }
    return true;
  }

  /** Sets the letters of `-abc`; the name that may still take the next argument as its value. */
  function setLetters(arg: string): string | undefined {
    for (let at = 1; at < arg.length - 1; at++) {
      const letter = arg.charAt(at);
      const rest = arg.slice(at + 1);
      const assigned = /=(.+)/.exec(rest)?.[1];
      if (rest === "-") set(letter, rest, arg);
      else if (rest === "=") return void set(letter, "", arg);
      else if (/[A-Za-z]/.test(letter) && (assigned || /\d(\.\d*)?(e-?\d+)?$/.test(rest))) {
        return void set(letter, assigned ?? rest, arg);
      } else if (rest.length > 1 && /\W/.test(rest.charAt(0))) return void set(letter, rest, arg);
      else set(letter, strings.has(letter) ? "" : true, arg);
    }
    return arg.endsWith("-") ? undefined : arg.slice(-1);
  }

  const end = args.includes("--") ? args.indexOf("--") : args.length;
  for (let at = 0; at < end; at++) {
    const arg = args[at]!;
    const next = at + 1 < end ? args[at + 1] : undefined;
    if (arg.startsWith("--")) {
      // As in the real package, "--no-x=1" sets x, while "--no-x" sets no-x.
      const positive = arg.slice(2).replace(/^no-(?=.)/s, "");
      const equals = positive.indexOf("=", 1);
      if (equals > 0) {
        const name = positive.slice(0, equals);
        const value = positive.slice(equals + 1);
        set(name, booleans.has(name) ? value !== "false" : value, arg);
      } else if (setFromNext(arg.slice(2), next, /^-/, arg)) at++;
    } else if (arg.startsWith("-") && arg.length > 1) {
      const name = setLetters(arg);
      if (name && setFromNext(name, next, /^--?[^-]/, arg)) at++;
    } else if (options.unknown?.(arg) !== false) {
      result._.push(strings.has("_") ? arg : numeric(arg));
    }
  }
  result._.push(...args.slice(end + 1));

  const setAbsent = (name: string, value: unknown, keys = [name]): void => {
    if (!Object.hasOwn(result, name)) { for (const key of keys) result[key] = value; }
  };
  for (const [name, value] of Object.entries(options.default ?? {})) {
    setAbsent(name, value, [name, ...aliases.get(name) ?? []]);
  }
  for (const name of booleans) setAbsent(name, collected.has(name) ? [] : false);
  for (const name of strings) if (collected.has(name)) setAbsent(name, []);
  return result as Args<Flags<B, S, C>, D>;
}
