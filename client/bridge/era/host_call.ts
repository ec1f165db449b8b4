/**
 * One request of a modern host until its answer, over all rounds of questions.
 *
 * @module
 */

import { ASKING_METHODS, type Envelope } from "../../../protocol/era.ts";
import {
  type ModernRequest,
  toLegacyParams,
  toModernError,
  toModernResult,
} from "../../../protocol/era_translation.ts";
import { member } from "../../../runtime/json.ts";
import { canBeAsked } from "../../era/input_round.ts";
import { withoutExtension } from "../../session/capability.ts";
import type { JSONRPCNotification, JSONRPCRequest, JSONRPCResponse, RequestId } from "../../sdk.ts";
import { Questions, type SuspendedCall } from "./suspended_calls.ts";

export class HostCall implements SuspendedCall {
  /** The id under which the relay has it. */
  readonly id: string;
  readonly method: string;
  readonly params: Record<string, unknown>;
  /** The legacy request for it. */
  readonly legacy: JSONRPCRequest;
  readonly questions = new Questions();
  /** The host's id of the round in flight; `undefined` between rounds. */
  hostId: RequestId | undefined;
  /** The answer that has come between rounds. */
  response: JSONRPCResponse | undefined;
  readonly #request: ModernRequest;
  #envelope: Envelope;
  /** The token of the host for progress of the round in flight. */
  #progressToken: unknown;

  /** @throws {WireError} -32602 if two cookies name different sessions. */
  constructor(id: string, host: JSONRPCRequest, envelope: Envelope) {
    const { method, params = {} } = host;
    // The bridge does not offer the extension: its sessions are its own.
    const clientCapabilities = withoutExtension(envelope.clientCapabilities);
    const legacy = toLegacyParams(method, params, { ...envelope, clientCapabilities });
    this.id = id;
    this.hostId = host.id;
    this.method = method;
    this.params = params;
    this.legacy = { ...host, id, params: legacy.params };
    this.#request = { ...legacy.request, knowsSessions: true };
    this.#envelope = envelope;
    this.#progressToken = tokenOf(params);
  }

  get envelope(): Envelope {
    return this.#envelope;
  }

  /** Goes on with the host's next round. */
  resume({ id, params = {} }: JSONRPCRequest, envelope: Envelope): void {
    this.hostId = id;
    this.#envelope = envelope;
    this.#progressToken = tokenOf(params);
  }

  /** Whether its host can be asked by this method, as the answer to it. */
  canAsk(method: string): boolean {
    return ASKING_METHODS.has(this.method) && this.response === undefined &&
      canBeAsked(this.#envelope.clientCapabilities, method);
  }

  answer(id: RequestId, response: JSONRPCResponse, serverInfo: unknown): JSONRPCResponse {
    const body = "result" in response
      ? toModernResult(response.result, this.#request, serverInfo)
      : { error: toModernError(response.error, this.#request) };
    return { jsonrpc: "2.0", id, ...body };
  }

  /** A notification of its progress for the host; `undefined` if it is another's. */
  progress(notification: JSONRPCNotification): JSONRPCNotification | undefined {
    // The server knows the token of the first round alone.
    const token = notification.params?.progressToken;
    const isOurs = token !== undefined && token === tokenOf(this.params);
    if (!isOurs || this.hostId === undefined || this.#progressToken === undefined) return undefined;
    const params = { ...notification.params, progressToken: this.#progressToken };
    return { ...notification, params };
  }
}

function tokenOf(params: Record<string, unknown>): unknown {
  return member(member(params, "_meta"), "progressToken");
}
