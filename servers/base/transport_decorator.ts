/**
 * A transport around another one, of which each member is forwarded: what a layer is made from.
 *
 * @module
 */

import type { JSONRPCMessage, MessageExtraInfo, Transport, TransportSendOptions } from "./sdk.ts";

/** Forwards everything but messages, which are the layer's own concern. */
export abstract class TransportDecorator implements Transport {
  /** The transport that is decorated. */
  protected readonly inner: Transport;
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: Transport["onmessage"];

  /** Takes over the callbacks of `inner`, and goes on calling those that were there. */
  constructor(inner: Transport) {
    this.inner = inner;
    const { onclose, onerror } = inner;
    inner.onclose = () => {
      onclose?.();
      this.release();
      this.onclose?.();
    };
    inner.onerror = (error) => {
      onerror?.(error);
      this.onerror?.(error);
    };
    inner.onmessage = (message, extra) => this.receive(message, extra);
  }

  get sessionId(): string | undefined {
    return this.inner.sessionId;
  }

  get setProtocolVersion(): ((version: string) => void) | undefined {
    return this.inner.setProtocolVersion?.bind(this.inner);
  }

  start(): Promise<void> {
    return this.inner.start();
  }

  async close(): Promise<void> {
    await this.inner.close();
    this.release();
  }

  /** Sends what the server says, or what the layer makes of it. */
  abstract send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void>;

  /** Takes what the caller says. */
  protected abstract receive(message: JSONRPCMessage, extra: MessageExtraInfo | undefined): void;

  /** Lets go of all that is held for requests without an answer. Doing it twice does it once. */
  protected abstract release(): void;
}
