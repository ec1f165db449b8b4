/**
 * From an error in this process to the JSON-RPC error that a caller may see.
 *
 * @module
 */

import { CODE, WireError } from "../../protocol/errors.ts";
import { type Json, member } from "../../runtime/json.ts";
import { StoreError } from "../../store/session_store.ts";

/** The `error` member of a JSON-RPC answer. */
export interface WireErrorBody {
  /** The JSON-RPC error code. */
  code: number;
  /** What happened, for people. */
  message: string;
  /** The same for programs. */
  data?: Json;
}

/** What a caller is told of an error. Files, hosts and stack traces are for the log. */
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

/** Refuses a request whose id is that of another one: their answers could not be told apart. */
export function idInFlight(): WireError {
  return new WireError(
    CODE.invalidRequest,
    "The id of a request must not be that of another one still in flight",
  );
}

/** Does an answer say that there is no room for a session? */
export function saysFull(answer: unknown): boolean {
  return member(member(member(answer, "error"), "data"), "code") === "full";
}
