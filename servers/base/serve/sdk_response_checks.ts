/**
 * The SDK's checks whether a message is a response, spared for requests.
 *
 * The SDK asks both of every incoming message before it takes it for a request. Each failed check makes
 * an object with accessors of its own, which V8 keeps, and the whole message with it, until the next full
 * collection: with what minor collections then copy in vain, an eighth of a short call.
 *
 * @module
 */

// @ts-types="@modelcontextprotocol/sdk/types"
import {
  JSONRPCErrorResponseSchema,
  JSONRPCResultResponseSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { isObject } from "../../../runtime/json.ts";

const spared = new WeakSet<object>();

/** Answers both checks at once for a message with a `method`, which no response has. Idempotent. */
export function spareResponseChecks(): void {
  spare(JSONRPCResultResponseSchema);
  spare(JSONRPCErrorResponseSchema);
}

type Check = (value: unknown) => { readonly success: boolean; readonly error?: unknown };

function spare(schema: { safeParse: Check }): void {
  if (spared.has(schema)) return;
  spared.add(schema);
  const check = schema.safeParse;
  schema.safeParse = function (value, ...rest) {
    const failed = () => check.call(this, value, ...rest);
    return isObject(value) && Object.hasOwn(value, "method") ? new NoResponse(failed) : failed();
  };
}

/** The result of a failed check, which is made when somebody asks why. */
class NoResponse {
  readonly success = false;
  readonly #check: () => { readonly error?: unknown };

  constructor(check: () => { readonly error?: unknown }) {
    this.#check = check;
  }

  get error(): unknown {
    return this.#check().error;
  }
}
