/**
 * Health checks over HTTP, for what looks after processes: an orchestrator, a proxy, a monitor.
 *
 * @module
 */

import { messageOf } from "../../../runtime/errors.ts";
import { within } from "../../../runtime/time_limit.ts";
import type { SessionStore } from "../../../store/session_store.ts";
import { respondUnread } from "./error_responses.ts";
import { HEALTH_PATHS, pathOf, READY_PATH } from "./paths.ts";

/** Options of {@linkcode HealthChecks}. */
export interface HealthChecksOptions {
  /** The store without which no call can be served. */
  readonly store: Pick<SessionStore, "checkWritable">;
  /** Called in one line when readiness is lost for the store's sake, and when it is back. */
  readonly warn?: ((message: string) => void) | undefined;
}

/** The longest that a store may take to count as ready. */
const ANSWER_MS = 500;

/** What asking the store came to. */
interface Outcome {
  readonly failure?: string;
}

const LATE: Outcome = { failure: `the store has not answered within ${ANSWER_MS / 1000} seconds` };

/**
 * Answers `/livez`, its alias `/healthz`, and `/readyz`, by GET and HEAD, in plain text. They tell
 * nothing but health, so they stand in front of {@linkcode httpHandler}: who asks needs no token, and no
 * `Host` that is allowed.
 *
 * | path                   | 200 `ok`                 | 503                                                 |
 * | ---------------------- | ------------------------ | --------------------------------------------------- |
 * | `/livez`, `/healthz`   | always                   |                                                     |
 * | `/readyz`              | the store takes writes   | `stopping`; `store`: no answer within half a second |
 *
 * The store is asked by {@linkcode SessionStore.checkWritable}: once at a time, however many ask.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { HealthChecks, httpHandler, StatelessHttpTransport } from "@mcp-sessions/deno/server";
 * import { MemoryStore } from "@mcp-sessions/deno/store";
 *
 * const health = new HealthChecks({ store: new MemoryStore() });
 * const guarded = httpHandler(new StatelessHttpTransport(), { hosts: ["mcp.example.com"] });
 * const handler = (request: Request) => health.respond(request) ?? guarded(request);
 * // Deno.serve({ port: 8765 }, handler);
 *
 * const ready = async () => (await handler(new Request("http://10.0.0.5:8765/readyz"))).text();
 * assertEquals(await ready(), "ok");
 * health.stop();
 * assertEquals(await ready(), "stopping");
 * ```
 */
export class HealthChecks {
  readonly #store: HealthChecksOptions["store"];
  readonly #warn: HealthChecksOptions["warn"];
  #isStopping = false;
  /** Whether the last look found the store ready. */
  #wasReady = true;
  /** The operation on the store that is under way. It may take longer than those who ask wait. */
  #operation: Promise<Outcome> | undefined;
  /** Shared by all who ask at the same time. */
  #isReady: Promise<boolean> | undefined;

  /** Makes health checks of a process that serves. */
  constructor({ store, warn }: HealthChecksOptions) {
    this.#store = store;
    this.#warn = warn;
  }

  /** Responds to a request for one of the paths; `undefined` for any other request. Never rejects. */
  respond(request: Request): Promise<Response> | undefined {
    const path = pathOf(request.url);
    return HEALTH_PATHS.includes(path) ? this.#respond(request, path) : undefined;
  }

  /** Says `stopping` from now on: nothing new should be sent here. All else goes on. */
  stop(): void {
    this.#isStopping = true;
  }

  async #respond(request: Request, path: string): Promise<Response> {
    if (request.method !== "GET" && request.method !== "HEAD") {
      const refusal = plain(405, "method not allowed", { allow: "GET, HEAD" });
      return await respondUnread(request, refusal);
    }
    const obstacle = path === READY_PATH ? await this.#obstacle() : undefined;
    const response = obstacle === undefined ? plain(200, "ok") : plain(503, obstacle);
    return await respondUnread(request, response);
  }

  async #obstacle(): Promise<"stopping" | "store" | undefined> {
    if (this.#isStopping) return "stopping";
    this.#isReady ??= this.#ask().finally(() => this.#isReady = undefined);
    const isReady = await this.#isReady;
    // The signal may have come meanwhile.
    if (this.#isStopping) return "stopping";
    return isReady ? undefined : "store";
  }

  async #ask(): Promise<boolean> {
    this.#operation ??= this.#check().finally(() => this.#operation = undefined);
    const { failure } = await within(ANSWER_MS, this.#operation) ?? LATE;
    const isReady = failure === undefined;
    if (isReady !== this.#wasReady) this.#warn?.(isReady ? "ready again" : `not ready: ${failure}`);
    this.#wasReady = isReady;
    return isReady;
  }

  async #check(): Promise<Outcome> {
    try {
      await this.#store.checkWritable();
      return {};
    } catch (error) {
      return { failure: messageOf(error) };
    }
  }
}

function plain(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(text, {
    status,
    headers: { "content-type": "text/plain", "cache-control": "no-store", ...headers },
  });
}
