/**
 * Telling JSON-RPC messages from what else may come on a line.
 *
 * @module
 */

import { isRequestId } from "../../jsonrpc/envelope.ts";
import { isObject } from "../../runtime/json.ts";
import type { JSONRPCMessage } from "../sdk.ts";

/** Is this a request, a notification or an answer that can be passed on? */
export function isMessage(value: unknown): value is JSONRPCMessage {
  if (!isObject(value) || value.jsonrpc !== "2.0") return false;
  const { id, method, params, result, error } = value;
  if (Object.hasOwn(value, "method")) {
    return typeof method === "string" && (!Object.hasOwn(value, "id") || isRequestId(id)) &&
      (params === undefined || isObject(params));
  }
  return isRequestId(id) && (isObject(result) || isObject(error));
}
