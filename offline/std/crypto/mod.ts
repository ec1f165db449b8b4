/**
 * The part of `@std/crypto` that this project uses, for networks that reach no JSR.
 *
 * @module
 */
export * from "./timing_safe_equal.ts";
