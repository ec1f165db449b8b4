/**
 * Command lines of the programs: each declares its flags in one table, from which come the typed
 * values, the usage errors and the text of `--help`.
 *
 * Rules of all programs: the last of several values counts, unless the flag collects them. A
 * value that begins with `-` stands behind `=`, but for `-` itself. A flag without a type takes no value, or `true` or
 * `false`. `--help` wins over whatever is wrong beside it.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import type { FlagType } from "./flag_types.ts";
import { printable } from "./terminal/terminal_text.ts";

/** A wrong command line. The message is one line for the user, and leads to `--help`. */
export class UsageError extends Error {
  override readonly name = "UsageError";

  /** `message` is one sentence without a period. */
  constructor(message: string) {
    super(`${printable(message)} (see --help)`);
  }
}

/** A flag. One without a type is a boolean. */
export interface Flag {
  readonly help: string;
  readonly type?: FlagType<unknown>;
  readonly alias?: string;
  /** Value of an absent flag, as it would be typed. */
  readonly default?: string;
  /** Value of a flag that stands alone, as it would be typed. */
  readonly bare?: string;
  /** Whether all values count, and not the last alone. */
  readonly many?: true;
  /** Company without which it has no effect: `--flag`, `--flag value`, or the first operand. */
  readonly goesWith?: string;
}

export type FlagTable = Readonly<Record<string, Flag>>;

export type FlagValues<T extends FlagTable> = {
  readonly [Name in keyof T]: T[Name] extends { readonly type: FlagType<infer V> }
    ? T[Name] extends { readonly many: true } ? readonly V[]
    : T[Name] extends { readonly default: string } ? V
    : V | undefined
    : boolean;
};

/** Text of `--help` beside the flags. Paragraphs are filled; an empty line stands between two. */
export interface Help {
  readonly about: string;
  readonly usage: readonly string[];
  readonly sections?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly notes?: string;
}

export interface Program<T extends FlagTable = FlagTable> {
  readonly name: string;
  readonly flags: T;
  /** Makes the text around the flags. Called for `--help` alone. */
  readonly help: () => Help;
  readonly version?: string;
  readonly operands?: true;
  /** Name of the command line that it takes after `--`. @default what follows are operands */
  readonly command?: string;
}

export interface Given<T extends FlagTable> {
  readonly kind: "given";
  readonly flags: FlagValues<T>;
  readonly operands: readonly string[];
  readonly command: readonly string[] | undefined;
}

/** A command line that asks only for a text: the help, or the version. */
export interface Asked {
  readonly kind: "asked";
  readonly text: string;
}

/** Texts, booleans and lists by name; operands by `_`. */
type Found = Readonly<Record<string, unknown>>;

const FLAG = /^--([^=]+)(?:=(.*))?$/s;
const WIDTH = 100;

export function defineProgram<const T extends FlagTable>(program: Program<T>): Program<T> {
  return program;
}

/**
 * Reads a command line.
 *
 * @throws {UsageError} naming what is wrong, and what is right.
 */
export function parseFlags<T extends FlagTable>(
  program: Program<T>,
  args: readonly string[],
): Given<T> | Asked {
  const table: FlagTable = {
    ...program.flags,
    help: { alias: "h", help: "show this" },
    ...(program.version !== undefined && { version: { help: "show the version" } }),
  };
  const names = Object.keys(table);
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  const own = spellOut(table, args.slice(0, end));
  const faults = own.map((arg, at) => faultOf(program, table, arg, own[at + 1]));
  const found: Found = parseArgs(own.filter((_, at) => faults[at] === undefined), {
    string: [...names.filter((name) => table[name]?.type !== undefined), "_"],
    boolean: names.filter((name) => table[name]?.type === undefined),
    collect: names.filter((name) => table[name]?.many),
  });
  if (found["help"] === true) return { kind: "asked", text: helpText(program, table) };
  if (found["version"] === true) return { kind: "asked", text: program.version ?? "" };

  const rest = args.slice(end + 1);
  const operands = [found["_"]].flat().map(String);
  if (program.command === undefined) operands.push(...rest);
  if (!program.operands) faults.push(...operands.map((arg) => unknownArgument(program, arg)));
  const fault = faults.find((fault) => fault !== undefined);
  if (fault !== undefined) throw new UsageError(fault);

  const flags = valuesOf(program.flags, found);
  checkCompany(program.flags, found, operands[0]);
  return {
    kind: "given",
    flags,
    operands,
    command: end < args.length && program.command !== undefined ? rest : undefined,
  };
}

/** Reads the command line of this process; ends it with 0 after `--help`, with 2 after a usage error. */
export function readCommandLine<T extends FlagTable, R>(
  program: Program<T>,
  read: (given: Given<T>) => R,
): R {
  try {
    const given = parseFlags(program, Deno.args);
    if (given.kind === "given") return read(given);
    console.log(given.text);
    Deno.exit(0);
  } catch (error) {
    return endForUsage(program, error);
  }
}

/** Reads the command line of a task that has no flags but `--help`. */
export function readNoFlags(task: string, about: string): void {
  readCommandLine(
    { name: task, flags: {}, help: () => ({ about, usage: [`deno task ${task}`] }) },
    () => {},
  );
}

/** Ends the process with status 2 for a usage error, which it shows; throws any other error. */
export function endForUsage({ name }: Pick<Program, "name">, error: unknown): never {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${name}: ${error.message}`);
  Deno.exit(2);
}

/**
 * Puts a flag's name for its alias, the value that it stands for behind a bare flag, and the value `-`
 * behind its flag, as it would be taken for another one.
 */
function spellOut(table: FlagTable, args: readonly string[]): string[] {
  const takesDash = (arg = "", next: string | undefined) => {
    const { type, bare } = arg.startsWith("--") ? table[arg.slice(2)] ?? {} : {};
    return next === "-" && type !== undefined && bare === undefined;
  };
  return args.flatMap((arg, at) => {
    if (takesDash(args[at - 1], arg)) return [];
    if (takesDash(arg, args[at + 1])) return `${arg}=-`;
    const isAlone = (args[at + 1] ?? "-").startsWith("-");
    for (const [name, { alias, bare }] of Object.entries(table)) {
      if (alias !== undefined && arg === `-${alias}`) return `--${name}`;
      if (bare !== undefined && arg === `--${name}` && isAlone) return `--${name}=${bare}`;
    }
    return arg;
  });
}

function faultOf(
  program: Program,
  table: FlagTable,
  arg: string,
  next = "",
): string | undefined {
  if (!arg.startsWith("-") || arg === "-") return undefined;
  const [, name = "", value] = FLAG.exec(arg) ?? [];
  const flag = Object.hasOwn(table, name) ? table[name] : undefined;
  if (flag === undefined) return unknownArgument(program, arg);
  if (flag.type === undefined) {
    const isBoolean = value === undefined || value === "true" || value === "false";
    return isBoolean ? undefined : `--${name} takes no value, or true or false`;
  }
  if (value || (value === undefined && /^[^-]/.test(next))) return undefined;
  const isValue = next.startsWith("-") && !Object.hasOwn(table, FLAG.exec(next)?.[1] ?? "");
  const hint = isValue ? `; one that begins with - stands behind =, as in --${name}=-1` : "";
  return `--${name} needs a value${hint}`;
}

function unknownArgument({ command }: Program, arg: string): string {
  if (arg === "") return "An argument is empty";
  // The text after "=" may be a secret.
  const what = `Unknown argument ${JSON.stringify(arg.replace(/=.*/s, "=…"))}`;
  return command === undefined ? what : `${what}: ${command} stands after --`;
}

function valuesOf<T extends FlagTable>(table: T, found: Found): FlagValues<T> {
  const flags: Record<string, unknown> = {};
  for (const [name, { type, many, default: absent = [] }] of Object.entries(table)) {
    const texts = [found[name] ?? absent].flat().map(String);
    const values = type ? texts.map((text) => valueOf(name, type, text)) : [found[name] === true];
    flags[name] = many ? values : values.at(-1);
  }
  return flags as FlagValues<T>;
}

function checkCompany(table: FlagTable, found: Found, command: string | undefined): void {
  const isGiven = (name: string) => [found[name]].flat().some(Boolean);
  const isThere = (what: string) => {
    const [first = "", value] = what.split(" ");
    if (!first.startsWith("--")) return command === first;
    const name = first.slice(2);
    return value === undefined ? isGiven(name) : (found[name] ?? table[name]?.default) === value;
  };
  for (const [name, { goesWith }] of Object.entries(table)) {
    if (goesWith === undefined || !isGiven(name) || isThere(goesWith)) continue;
    throw new UsageError(`--${name} goes with ${goesWith}`);
  }
}

function valueOf<V>(name: string, { takes, secret, parse }: FlagType<V>, text: string): V {
  let value: V | undefined;
  try {
    value = parse(text);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError(`--${name}: ${error.message}`);
  }
  if (value !== undefined) return value;
  throw new UsageError(`--${name} takes ${takes}${secret ? "" : `, not ${JSON.stringify(text)}`}`);
}

function helpText({ help }: Program, table: FlagTable): string {
  const { about, usage, sections, notes } = help();
  const flags = Object.entries(table).map(([name, flag]): [string, string] => {
    const { alias, type, many, default: absent } = flag;
    const more = [many && "repeatable", absent !== undefined && `default: ${absent}`].filter(
      Boolean,
    );
    return [
      `${alias === undefined ? "" : `-${alias}, `}--${name}${type ? ` ${type.name}` : ""}`,
      flag.help + (more.length > 0 ? ` (${more.join("; ")})` : ""),
    ];
  });
  const tables = { ...sections, Flags: Object.fromEntries(flags) };
  const rows = Object.values(tables).flatMap((rows) => Object.keys(rows));
  const column = Math.max(...rows.map(({ length }) => length)) + 4;
  return [
    filled(about, 0),
    usage.map((line, at) => `${at === 0 ? "Usage:" : "      "} ${line}`).join("\n"),
    ...Object.entries(tables).map(([heading, rows]) =>
      `${heading}:\n` +
      Object.entries(rows).map(([label, text]) =>
        `  ${label}`.padEnd(column) + filled(text, column)
      ).join("\n")
    ),
    ...(notes === undefined ? [] : [filled(notes, 0)]),
  ].join("\n\n");
}

/** Breaks paragraphs into lines; those after the first are indented. */
function filled(text: string, indent: number): string {
  const line = new RegExp(`\\S.{0,${WIDTH - indent - 1}}(?!\\S)|\\S+`, "g");
  const paragraphs = text.split("\n\n").map((paragraph) =>
    (paragraph.match(line) ?? []).join(`\n${" ".repeat(indent)}`)
  );
  return paragraphs.join("\n\n");
}
