/**
 * The part of `@std/assert` that this project uses, for networks that reach no JSR. Each assertion holds
 * and fails as the real one does; the texts of the failures are not the real ones.
 *
 * @module
 */
import { AssertionError as NodeAssertionError } from "node:assert";
import { inspect, stripVTControlCharacters } from "node:util";
import { equal } from "./equal.ts";

/** A class whose instances are errors. */
type ErrorClass<E extends Error> = new (...args: never[]) => E;

/** Error of a failed assertion. */
export class AssertionError extends Error {
  /** Makes an error with a message and, if there is one, its cause. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

/** Asserts that a value is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/** Fails. */
export function fail(msg?: string): never {
  failBecause("The test has failed", msg);
}

/** Fails, as what was thought to be unreachable was reached. */
export function unreachable(reason?: string): never {
  failBecause("The unreachable was reached", reason);
}

/** Asserts that two values are deeply equal; `0` equals `-0`, and `NaN` equals `NaN`. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  const { message } = new NodeAssertionError({ actual, expected, operator: "deepStrictEqual" });
  failBecause("Values are not equal", msg, message);
}

/** Asserts that two values are not deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) failBecause("Values are equal", msg, inspect(actual));
}

/** Asserts that two values are the same by `Object.is`. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (Object.is(actual, expected)) return;
  const { message } = new NodeAssertionError({ actual, expected, operator: "strictEqual" });
  failBecause("Values are not the same", msg, message);
}

/** Asserts that a value is neither `null` nor `undefined`. */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual === undefined || actual === null) failBecause(`A value is ${actual}`, msg);
}

/** Asserts that a text matches a regular expression. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (!expected.test(actual)) failBecause(`Text does not match ${expected}`, msg, inspect(actual));
}

/** Asserts that a text has another in it. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (!actual.includes(expected)) {
    failBecause(`Text does not include ${inspect(expected)}`, msg, inspect(actual));
  }
}

/** Asserts that a value is an instance of a class. */
export function assertInstanceOf<T>(
  actual: unknown,
  expectedType: new (...args: never[]) => T,
  msg?: string,
): asserts actual is T {
  if (!(actual instanceof expectedType)) {
    failBecause(`Value is no instance of ${expectedType.name}`, msg, inspect(actual));
  }
}

/** Asserts that one value is greater than another. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual > expected)) failComparison(actual, ">", expected, msg);
}

/** Asserts that one value is greater than another, or equal to it. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual >= expected)) failComparison(actual, ">=", expected, msg);
}

/** Asserts that one value is less than another. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual < expected)) failComparison(actual, "<", expected, msg);
}

/** Asserts that one value is less than another, or equal to it. */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual <= expected)) failComparison(actual, "<=", expected, msg);
}

/** Asserts that a function throws, and returns what it threw. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Asserts that a function throws an error of a class, with a text in its message. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  classOrMsg?: ErrorClass<Error> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  let thrown;
  try {
    fn();
  } catch (error) {
    thrown = { error };
  }
  return check("throw", thrown, classOrMsg, msgIncludes, msg);
}

/** Asserts that a function's promise is rejected, and returns what with. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/** Asserts that a function's promise is rejected with an error of a class, with a text in its message. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  classOrMsg?: ErrorClass<Error> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  let promise;
  try {
    promise = fn();
  } catch {
    failBecause("Function threw where it was to return a promise", msg);
  }
  if (typeof promise?.then !== "function") failBecause("Function returned no promise", msg);
  let thrown;
  try {
    await promise;
  } catch (error) {
    thrown = { error };
  }
  return check("reject", thrown, classOrMsg, msgIncludes, msg);
}

function check(
  verb: "throw" | "reject",
  thrown: { error: unknown } | undefined,
  classOrMsg: ErrorClass<Error> | string | undefined,
  msgIncludes = "",
  msg?: string,
): unknown {
  const note = typeof classOrMsg === "string" ? classOrMsg : msg;
  if (!thrown) failBecause(`Function did not ${verb}`, note);
  const { error } = thrown;
  if (classOrMsg === undefined || typeof classOrMsg === "string") return error;
  assertInstanceOf(error, classOrMsg, note);
  const plain = stripVTControlCharacters;
  assertStringIncludes(plain(error.message), plain(msgIncludes), note);
  return error;
}

function failComparison(actual: unknown, sign: string, expected: unknown, msg?: string): never {
  throw new AssertionError(msg ?? `Expected ${inspect(actual)} ${sign} ${inspect(expected)}`);
}

function failBecause(reason: string, msg: string | undefined, detail = ""): never {
  throw new AssertionError(`${reason}${msg ? `: ${msg}` : "."}${detail && `\n\n${detail}`}`);
}
