/**
 * From a server's definition to a program: flags, environment, transport and store.
 *
 * @example
 * ```ts no-assert
 * ```
 *
 * @module
 */

export { serve, VERSION } from "./serve.ts";
export type { ServerDefinition } from "./serve.ts";
export type { HandlesMode } from "./flags.ts";
export type { SessionBind } from "./bind_by.ts";
