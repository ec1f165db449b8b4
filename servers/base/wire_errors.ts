/**
 * Errors on the wire: from an error in this process to the JSON-RPC error for a caller.
 *
 * @module
 */

import { CODE, WireError } from "../../protocol/errors.ts";
import { type Json, member } from "../../runtime/json.ts";
import { StoreError } from "../../store/session_store.ts";

export interface WireErrorBody {
  code: number;
  message: string;
  data?: Json;
}

/** Converts an error for a caller. Files, hosts and stack traces are for the log alone. */
export function wireErrorBody(error: unknown): WireErrorBody {
  if (error instanceof WireError) {
    const { code, message, data } = error;
    return { code, message, ...(data !== undefined && { data }) };
  }
  if (error instanceof StoreError) {
    const message = `The session store failed (${error.code}); the session is not lost`;
    return { code: CODE.internalError, message, data: { code: error.code } };
  }
  return { code: CODE.internalError, message: "The session layer failed; its log says more" };
}

/** The error for a request with the id of another pending one: their responses would be ambiguous. */
export function idInFlight(): WireError {
  return new WireError(
    CODE.invalidRequest,
    "The id of a request must not be that of another one still in flight",
  );
}

/** Whether a response says that the store has no room for a session. */
export function isStoreFull(response: unknown): boolean {
  return errorCode(response) === "full";
}

/** Whether a response says that its caller has presented too many ids that lead to no session. */
export function isBraked(response: unknown): boolean {
  return errorCode(response) === "braked";
}

function errorCode(response: unknown): unknown {
  return member(member(member(response, "error"), "data"), "code");
}
