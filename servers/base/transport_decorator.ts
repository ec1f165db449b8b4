/**
 * The base class of layers: a transport around another one, which forwards every member.
 *
 * @module
 */

import type {
  JSONRPCMessage,
  LayeredTransport,
  MessageExtraInfo,
  Transport,
  TransportSendOptions,
} from "./sdk.ts";

/** Forwards everything but messages, which the layer handles. */
export abstract class TransportDecorator implements Transport {
  protected readonly inner: LayeredTransport;
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: Transport["onmessage"];

  /** Takes over the callbacks of `inner`, and calls the existing ones first. */
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

  abstract send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void>;

  protected abstract receive(message: JSONRPCMessage, extra: MessageExtraInfo | undefined): void;

  /** Releases what is held for pending requests; idempotent. */
  protected abstract release(): void;
}
