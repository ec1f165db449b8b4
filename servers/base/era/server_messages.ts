/**
 * Server messages: the requests and notifications of the server behind, and which clients get them.
 *
 * @module
 */

import type { Envelope } from "../../../protocol/era.ts";
import { isOfSubscriptions } from "../../../protocol/subscription.ts";
import { wantsNotification } from "../../../protocol/notification_filter.ts";
import type { JSONRPCMessage, Transport, TransportSendOptions } from "../sdk.ts";
import type { Subscriptions } from "./subscriptions.ts";

type ServerMessage = Extract<JSONRPCMessage, { method: string }>;
/** Sends a notification to the subscriptions that want it. */
type Publish = Subscriptions["publish"];

export class ServerMessages {
  readonly #transport: Transport;
  readonly #publish: Publish;
  /** Whether a legacy client is at the other end. Who has sent nothing yet may be one. */
  #legacyClient: "known" | "possible" | "none";

  constructor(transport: Transport, publish: Publish, servesLegacy: boolean) {
    this.#transport = transport;
    this.#publish = publish;
    this.#legacyClient = servesLegacy ? "possible" : "none";
  }

  observeLegacy(): void {
    this.#legacyClient = "known";
  }

  observeModern(): void {
    if (this.#legacyClient === "possible") this.#legacyClient = "none";
  }

  /**
   * Sends a message to whom it is for.
   *
   * @param envelope That of the modern request that the message belongs to.
   * @throws {Error} if it is a request to a modern client, which takes none.
   */
  async send(
    message: ServerMessage,
    options: TransportSendOptions | undefined,
    envelope: Envelope | undefined,
  ): Promise<void> {
    const isToModern = envelope !== undefined || this.#legacyClient === "none";
    if ("id" in message) {
      if (!isToModern) return await this.#transport.send(message, options);
      throw new Error(
        `Cannot send ${message.method} to the client as its version of MCP takes no requests: a ` +
          "tool asks it by ask()",
      );
    }
    const { method } = message;
    if (isOfSubscriptions(method)) {
      this.#publish(message);
      if (isToModern) return;
    } else if (envelope !== undefined) {
      if (!wantsNotification(message, envelope)) return;
      // Progress belongs to a request by its token.
    } else if (isToModern && method !== "notifications/progress") return;
    await this.#transport.send(message, options);
  }
}
