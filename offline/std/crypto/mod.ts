/**
 * What this project uses of `@std/crypto`, for networks that reach no JSR.
 *
 * @module
 */
export * from "./crypto.ts";
export * from "./timing_safe_equal.ts";
