/**
 * Asking the client for input, from the code of a tool, a prompt or a resource: the same code for
 * clients of both eras (section 10 of the contract).
 *
 * @module
 */

import { currentRequest } from "../session/current_request.ts";
import type { PendingRequest } from "../session/call_lifecycle.ts";
import { areAnswered, type InputRequest, type InputResults } from "./input_request.ts";

/**
 * Asks the client for input: its user (`elicitation/create`), its model (`sampling/createMessage`), its
 * folders (`roots/list`). For the code of a tool, a prompt or a resource.
 *
 * In the legacy era each is a request to the client, over stdio or HTTP with `--stateful`. In the modern
 * era, on every transport, `ask` throws: **this run ends there**, the client is told what is required, and
 * calls again with its answers, maybe at another process. Then the code runs again from its beginning,
 * and this `ask` resolves. So ask first, and write after it; what is written before, such as to the
 * session, is written in each run. A `catch` around `ask` changes nothing about that.
 *
 * Several, one after the other, take a round each; what is asked in one call takes one for all. Answers
 * are told apart by key, and by order where a key is asked again. They are valid for ten minutes.
 *
 * @param requests The requests, by keys of your choice. Ask only for what the client has declared: see
 * {@linkcode clientCapabilities}.
 * @returns The client's results under the same keys.
 * @throws {Error} if the client cannot be asked: it has not declared the capability, refuses or cancels,
 * or its transport takes no requests; or if no request of a client runs here, or it is answered.
 *
 * @example
 * ```ts
 * import { ask, McpServer, toolResult } from "@mcp-sessions/deno/server";
 *
 * const server = new McpServer({ name: "example", version: "1.0.0" });
 * server.registerTool("greet", {}, async () => {
 *   const { user_name } = await ask({
 *     user_name: {
 *       method: "elicitation/create",
 *       params: {
 *         message: "What is your name?",
 *         requestedSchema: {
 *           type: "object",
 *           properties: { name: { type: "string" } },
 *           required: ["name"],
 *         },
 *       },
 *     },
 *   });
 *   if (user_name.action !== "accept") return toolResult("Hello, whoever you are!", {});
 *   return toolResult(`Hello, ${user_name.content?.name}!`, {});
 * });
 * ```
 */
export function ask<R extends Readonly<Record<string, InputRequest>>>(
  requests: R,
): Promise<InputResults<R>> {
  const answered = askClient(requests);
  // The client is asked even where nobody waits, and such a promise must not end the process.
  answered.catch(() => {});
  return answered;
}

async function askClient<R extends Readonly<Record<string, InputRequest>>>(
  requests: R,
): Promise<InputResults<R>> {
  const request = requestAsking("ask the client");
  if (request.isFinished) throw new Error("Cannot ask the client as its request is answered");
  const results = await request.client.ask(request, requests);
  if (areAnswered(requests, results)) return results;
  throw new Error("The client has answered with what is no result of the method it was asked for");
}

/**
 * The capabilities that the client of the running request has declared, such as `elicitation`,
 * `sampling` and `roots`, so that a tool asks only for what is there. Empty for a legacy client over
 * stateless HTTP, which cannot be asked for anything.
 *
 * @throws {Error} if no request of a client runs here.
 *
 * @example
 * ```ts
 * import { assertThrows } from "@std/assert";
 * import { clientCapabilities } from "@mcp-sessions/deno/server";
 *
 * // In a tool:
 * const hasModel = () => clientCapabilities().sampling !== undefined;
 *
 * // Anywhere else there is no client:
 * assertThrows(hasModel, Error, "no request");
 * ```
 */
export function clientCapabilities(): Readonly<Record<string, unknown>> {
  const request = requestAsking("tell a client's capabilities");
  return request.client.capabilitiesOf(request) ?? {};
}

function requestAsking(what: string): PendingRequest {
  const request = currentRequest();
  if (request !== undefined) return request;
  throw new Error(
    `Cannot ${what} as no request of one runs here: call it in a tool, a prompt or a resource`,
  );
}
