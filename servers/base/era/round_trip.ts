/**
 * Round trip: one run of a modern request that may ask its client for input. The run that asks ends by an
 * error; the request that brings the answers runs from the beginning.
 *
 * @module
 */

import { CODE, WireError } from "../../../protocol/errors.ts";
import { isObject, member } from "../../../runtime/json.ts";
import type { Answer } from "../sdk.ts";
import { type InputRequest, isAnswer, missingCapabilities } from "./input_request.ts";

/** The answers of all rounds: of each key, in the order in which it was asked. */
export type Answers = readonly (readonly [key: string, answers: readonly unknown[]])[];

/** Ends a run that has asked. What becomes of it is of no account: it has been noted that the run asked. */
class InputRequired extends Error {
  constructor() {
    super(
      "Input of the client is required: this run ends here, and the client calls again with its answers",
    );
    this.name = "InputRequired";
  }
}

/** The code of a legacy server's error that asks for elicitations by URL. */
const URL_ELICITATION_REQUIRED = -32042;

export class RoundTrip {
  readonly #capabilities: Record<string, unknown>;
  readonly #answers: Map<string, unknown[]>;
  /** The number of times that each key was asked in this run. */
  readonly #times = new Map<string, number>();
  readonly #asked = new Map<string, InputRequest>();
  #missing: WireError | undefined;
  #isOver = false;

  constructor(capabilities: Record<string, unknown>, answers: Answers) {
    this.#capabilities = capabilities;
    this.#answers = new Map(answers.map(([key, list]) => [key, [...list]]));
  }

  /** The answers that this run began with, but for those that were none. */
  get answers(): Answers {
    return [...this.#answers];
  }

  /** Whether the response of the server behind was replaced, as the run has asked. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The requests to the client, by key. @throws {WireError} -32021 if it has not declared what they need. */
  get inputRequests(): Record<string, InputRequest> {
    if (this.#asked.size === 0 && this.#missing !== undefined) throw this.#missing;
    return Object.fromEntries(this.#asked);
  }

  /** @throws {InputRequired} if there are not all answers; {WireError} if the client must not be asked. */
  ask(requests: Readonly<Record<string, InputRequest>>): Record<string, unknown> {
    const results: [string, unknown][] = [];
    const open: [string, InputRequest][] = [];
    for (const [key, request] of Object.entries(requests)) {
      const time = this.#times.get(key) ?? 0;
      this.#times.set(key, time + 1);
      const answers = this.#answers.get(key) ?? [];
      if (isAnswer(request, answers[time])) results.push([key, answers[time]]);
      else {
        answers.splice(time);
        open.push([key, request]);
      }
    }
    if (open.length === 0) return Object.fromEntries(results);
    throw this.#note(open) ?? new InputRequired();
  }

  /**
   * The response in the place of the server's where the run has asked: a failed result, which the layers
   * on its way complete or replace. Errors of theirs count more than what was asked.
   */
  replace(answer: Answer): Answer {
    const isFailed = "error" in answer || answer.result.isError === true;
    if ("error" in answer && answer.error.code === URL_ELICITATION_REQUIRED) {
      this.#note(urlRequests(answer.error.data));
    }
    // A tool that has gone on without the input has not required it.
    if (this.#asked.size === 0 && !(isFailed && this.#missing !== undefined)) return answer;
    this.#isOver = true;
    return { jsonrpc: "2.0", id: answer.id, result: { content: [], isError: true } };
  }

  /** Notes what is asked. @returns The error if the client must not be asked. */
  #note(requests: readonly [string, InputRequest][]): WireError | undefined {
    const missing = missingCapabilities(requests.map(([, request]) => request), this.#capabilities);
    if (missing !== undefined) {
      return this.#missing = new WireError(
        CODE.missingCapability,
        "This call needs input that the client has not declared to give: see data.requiredCapabilities",
        { requiredCapabilities: missing },
      );
    }
    for (const [key, request] of requests) {
      // The second of two at once with one key has its turn in the next round.
      if (!this.#asked.has(key)) this.#asked.set(key, modernRequest(request));
    }
    return undefined;
  }
}

function modernRequest(request: InputRequest): InputRequest {
  return request.method === "roots/list" ? { params: {}, ...request } : request;
}

/** The elicitations in the data of a legacy error, as input requests; none if they cannot be read. */
function urlRequests(data: unknown): [string, InputRequest][] {
  const elicitations = member(data, "elicitations");
  if (!Array.isArray(elicitations)) return [];
  const requests = elicitations.flatMap((elicitation, index): [string, InputRequest][] => {
    if (!isObject(elicitation)) return [];
    const { message, url } = elicitation;
    if (typeof message !== "string" || typeof url !== "string") return [];
    const params = { mode: "url", message, url } as const;
    return [[`url_${index + 1}`, { method: "elicitation/create", params }]];
  });
  return requests.length === elicitations.length ? requests : [];
}
