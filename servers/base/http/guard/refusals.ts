/**
 * Refusals: what observers are told of HTTP requests that are refused.
 *
 * @module
 */

import { combineObservers } from "../../observer/combine_observers.ts";
import type { Observer } from "../../observer/observer.ts";
import type { AuthInfo } from "../../sdk.ts";
import { ownerOf } from "../../session/session_owner.ts";
import { takeRefusal } from "../error_responses.ts";

/** Tells of a response that is a refusal, once, and returns it. */
export type TellRefusal = (
  response: Response,
  address: string | undefined,
  authInfo?: AuthInfo,
) => Response;

/** The answer to a GET that asks whether there is a stream, and a failure of our own. */
const NO_REFUSALS: readonly number[] = [405, 500];

export function refusalTeller(
  { observer, onerror }: {
    readonly observer?: Observer | undefined;
    readonly onerror?: ((error: Error) => void) | undefined;
  },
): TellRefusal {
  const combined = combineObservers([observer], (error) => onerror?.(error));
  if (combined?.refused === undefined) return (response) => response;
  return (response, address, authInfo) => {
    const { status } = response;
    const reason = takeRefusal(response);
    if (reason !== undefined && !NO_REFUSALS.includes(status)) {
      combined.refused?.({ status, reason, owner: ownerOf(authInfo), address });
    }
    return response;
  };
}
