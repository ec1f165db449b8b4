/**
 * Observed request: a pending request of which an observer waits for the end.
 *
 * @module
 */

import { isModern, META } from "../../../protocol/era.ts";
import { member } from "../../../runtime/json.ts";
import { addressOf, wireIdOf } from "../era/caller.ts";
import type { JSONRPCRequest, JSONRPCResponse, MessageExtraInfo, RequestId } from "../sdk.ts";
import { ownerOf } from "../session/session_owner.ts";
import type {
  ObservedRequest,
  ObservedSession,
  RequestLabel,
  RequestObservation,
  RequestOutcome,
} from "./observer.ts";
import { type RequestNames, targetOf } from "./request_names.ts";

/** A session that can tell observers what it is, once its request is over. */
export interface ObservableSession {
  /** `undefined` if the request has not used it, and it was never made. */
  readonly observed: ObservedSession | undefined;
}

/** What observers are told at the beginning of a request. */
export class ReceivedRequest implements ObservedRequest {
  readonly method: string;
  readonly target: string | undefined;
  readonly id: RequestId;
  readonly era: "legacy" | "modern";
  readonly protocolVersion: string | undefined;
  readonly transport: "stdio" | "http";
  readonly owner: string | null;
  readonly address: string | undefined;
  readonly meta: unknown;
  readonly #names: RequestNames;

  constructor(
    { id, method, params }: JSONRPCRequest,
    extra: MessageExtraInfo | undefined,
    names: RequestNames,
  ) {
    const isOfModern = isModern(method, params);
    const version = isOfModern ? member(params?._meta, META.version) : undefined;
    this.method = method;
    this.target = targetOf(params);
    this.id = wireIdOf(extra) ?? id;
    this.era = isOfModern ? "modern" : "legacy";
    this.protocolVersion = typeof version === "string" ? version : undefined;
    this.transport = extra?.requestInfo === undefined ? "stdio" : "http";
    this.owner = ownerOrNull(extra?.authInfo);
    this.address = addressOf(extra);
    this.meta = params?._meta;
    this.#names = names;
  }

  get label(): RequestLabel {
    return this.#names.labelOf(this.method, this.target);
  }
}

/** Follows one request for an observer, and passes on how it ends, once. */
export class PendingObservation {
  readonly #observation: RequestObservation;
  readonly #begunAt = performance.now();
  #isOver = false;
  /** Set by the session layer. */
  session: ObservableSession | undefined;

  constructor(observation: RequestObservation) {
    this.#observation = observation;
  }

  run(handle: () => void): void {
    if (this.#observation.run === undefined) handle();
    else this.#observation.run(handle);
  }

  /** Ends with the response that was sent; `undefined` for none. */
  end(response: JSONRPCResponse | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#observation.end({
      kind: kindOf(response),
      code: response !== undefined && "error" in response ? response.error.code : undefined,
      durationMs: performance.now() - this.#begunAt,
      session: this.session?.observed,
    });
  }
}

function kindOf(response: JSONRPCResponse | undefined): RequestOutcome["kind"] {
  if (response === undefined) return "cancelled";
  if ("error" in response) return "error";
  return response.result.isError === true ? "tool_error" : "ok";
}

/** The principal; `null` too for a caller that is refused, as it could be several. */
function ownerOrNull(authInfo: unknown): string | null {
  try {
    return ownerOf(authInfo);
  } catch {
    return null;
  }
}

interface ObservedInfo extends MessageExtraInfo {
  readonly observation?: PendingObservation;
}

export function withObservation(
  extra: MessageExtraInfo | undefined,
  observation: PendingObservation,
): ObservedInfo {
  return { ...extra, observation };
}

/** The observation of a request, if there is one. */
export function observationOf(extra: MessageExtraInfo | undefined): PendingObservation | undefined {
  const observation = member(extra, "observation");
  return observation instanceof PendingObservation ? observation : undefined;
}
