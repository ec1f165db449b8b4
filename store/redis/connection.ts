/**
 * A connection to Redis that runs scripts: bounded in time, and never one of them twice.
 *
 * @module
 */

import { within } from "../../runtime/time_limit.ts";
import { NothingDoneError, RefusedError } from "../errors.ts";
import { StoreError } from "../session_store.ts";
import type { RedisClient } from "./client.ts";
import type { ScriptArguments } from "./encoding.ts";
import { reasonOf, redisError } from "./errors.ts";
import type { LastingClient } from "./lasting_client.ts";
import type { Script } from "./scripts.ts";

export interface RedisConnectionOptions {
  /** The timeout of a run of a script, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether the client is closed with the connection. @default false */
  readonly closesClient?: boolean | undefined;
}

/** What only a client of the store's own has. */
type Lasting = Partial<Pick<LastingClient, "reopen" | "failure">>;

export class RedisConnection {
  readonly #client: RedisClient & Lasting;
  readonly #options: RedisConnectionOptions;
  /** The runs without an answer in time that may still have one. */
  #late = 0;
  #openedAt = performance.now();

  constructor(client: RedisClient, options: RedisConnectionOptions) {
    this.#client = client;
    this.#options = options;
  }

  /**
   * Runs a script.
   *
   * @throws {StoreError} as rows reject; `unavailable` if there was no answer in time.
   */
  async run(script: Script, args: Pick<ScriptArguments, "keys" | "args">): Promise<unknown> {
    this.#checkOnline();
    const run = this.#run(script, args);
    try {
      const answer = await within(this.#options.timeoutMs, run.then((value) => ({ value })));
      if (answer !== undefined) return answer.value;
    } catch (error) {
      throw redisError(error);
    }
    this.#late++;
    const isOver = () => void this.#late--;
    run.then(isOver, isOver);
    this.#reopen();
    throw new StoreError("unavailable", this.#lateText);
  }

  /** Closes the client, if it is the connection's: what still runs is rejected. */
  close() {
    if (this.#options.closesClient) this.#client.destroy();
  }

  async #run(script: Script, { keys, args }: Pick<ScriptArguments, "keys" | "args">) {
    const options = { keys, arguments: args };
    try {
      return await this.#client.evalSha(script.sha1, options);
    } catch (error) {
      // Redis knows no script after a restart, and has done nothing.
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      return await this.#client.eval(script.text, options);
    }
  }

  /** Refuses at once what would wait for a connection, and be made when nobody waits for it. */
  #checkOnline() {
    if (this.#late > 0) throw new NothingDoneError(this.#lateText);
    if (this.#client.isReady !== false) return;
    if (performance.now() - this.#openedAt > this.#options.timeoutMs) this.#reopen();
    const { failure } = this.#client;
    if (failure instanceof RefusedError) throw failure;
    const why = failure === undefined ? "" : ` (${reasonOf(failure.cause)})`;
    throw new NothingDoneError(
      `There is no connection to Redis now${why}: it comes back by itself when Redis runs and can be ` +
        "reached",
    );
  }

  #reopen() {
    this.#openedAt = performance.now();
    this.#client.reopen?.();
  }

  get #lateText(): string {
    const seconds = this.#options.timeoutMs / 1000;
    return `Redis did not answer within ${seconds} seconds: see whether it runs and can be reached; a ` +
      "write that waited for it may still be made";
  }
}
