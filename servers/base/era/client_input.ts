/**
 * Client input: the client of a request as its handler can ask it, in the way of its era.
 *
 * @module
 */

import { MODERN_VERSIONS } from "../../../protocol/era.ts";
import { isObject } from "../../../runtime/json.ts";
import type { LayeredTransport } from "../sdk.ts";
import type { PendingRequest } from "../session/call_lifecycle.ts";
import { ClientRequests } from "./client_requests.ts";
import { type InputRequest, missingCapabilities } from "./input_request.ts";

export class ClientInput {
  readonly #transport: LayeredTransport;
  /** The requests to a legacy client. */
  readonly requests: ClientRequests;
  /** The capabilities of the legacy client. */
  #legacyCapabilities: Record<string, unknown> = {};

  constructor(transport: LayeredTransport) {
    this.#transport = transport;
    this.requests = new ClientRequests((message, options) => transport.send(message, options));
  }

  /** Learns from the params of an `initialize`. */
  observeInitialize(params: Record<string, unknown> | undefined): void {
    const capabilities = params?.capabilities;
    this.#legacyCapabilities = isObject(capabilities) ? capabilities : {};
  }

  /** The declared capabilities of a request's client; `undefined` if it cannot be asked for anything. */
  capabilitiesOf({ caller, isFromHttp }: PendingRequest): Record<string, unknown> | undefined {
    if (caller !== undefined) return caller.capabilities;
    // Over stateless HTTP, the last `initialize` may have been another client's.
    const isStateless = isFromHttp && this.#transport.sessionId === undefined;
    return isStateless ? undefined : this.#legacyCapabilities;
  }

  /**
   * Asks the client of a request for input.
   *
   * @returns Its results under the same keys, which are not checked.
   * @throws {Error} if the client cannot be asked, or has not answered yet in the modern era.
   */
  async ask(
    request: PendingRequest,
    requests: Readonly<Record<string, InputRequest>>,
  ): Promise<Record<string, unknown>> {
    const { caller } = request;
    if (caller?.roundTrip !== undefined) return caller.roundTrip.ask(requests);
    if (caller !== undefined) {
      throw new Error(`Cannot ask the client in ${request.method}, which has no place for it`);
    }
    const declared = this.capabilitiesOf(request);
    if (declared === undefined) {
      throw new Error(
        "Cannot ask the client as stateless HTTP has no connection to one of its version of MCP: start " +
          `the server with --stateful, or use a client of ${MODERN_VERSIONS.join(", ")}`,
      );
    }
    const missing = missingCapabilities(Object.values(requests), declared);
    if (missing !== undefined) {
      throw new Error(
        "Cannot ask the client as it has not declared in initialize what is needed: " +
          JSON.stringify(missing),
      );
    }
    return await this.requests.request(request.id, requests);
  }
}
