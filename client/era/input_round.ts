/**
 * One round of questions: what a modern server has to know from the client before a request goes on.
 *
 * @module
 */

import { isObject, member } from "../../runtime/json.ts";

/** The methods by which a server may ask a client, and the capability that each takes. */
const CAPABILITIES: Readonly<Record<string, string>> = {
  "elicitation/create": "elicitation",
  "sampling/createMessage": "sampling",
  "roots/list": "roots",
};

/** Whether a client with these capabilities can be asked by this method. */
export function canBeAsked(capabilities: unknown, method: string): boolean {
  const name = Object.hasOwn(CAPABILITIES, method) ? CAPABILITIES[method] : undefined;
  return name !== undefined && isObject(member(capabilities, name));
}

export interface Question {
  /** The id under which the client is asked. */
  readonly id: string;
  readonly method: string;
  readonly params: Record<string, unknown> | undefined;
}

export class InputRound {
  readonly questions: readonly Question[];
  readonly #keys = new Map<unknown, string>();
  readonly #responses: Record<string, unknown> = {};
  readonly #requestState: unknown;

  /** @throws {TypeError} If the server asks for nothing, or for what the client has not declared. */
  constructor(result: Record<string, unknown>, capabilities: unknown, newId: () => string) {
    const { inputRequests, requestState } = result;
    const requests = Object.entries(isObject(inputRequests) ? inputRequests : {});
    if (requests.length === 0 && requestState === undefined) {
      throw new TypeError("it requires input, but does not say what");
    }
    this.#requestState = requestState;
    this.questions = requests.map(([key, request]) => {
      const [method, params] = [member(request, "method"), member(request, "params")];
      if (typeof method !== "string" || !canBeAsked(capabilities, method)) {
        throw new TypeError(`it asks for ${method}, which this client has not declared`);
      }
      const id = newId();
      this.#keys.set(id, key);
      return { id, method, params: isObject(params) ? params : undefined };
    });
  }

  get isComplete(): boolean {
    return this.#keys.size === 0;
  }

  take(id: unknown, response: Record<string, unknown>): void {
    const key = this.#keys.get(id);
    if (key === undefined || !this.#keys.delete(id)) return;
    // As any key, `__proto__` too.
    Object.defineProperty(this.#responses, key, { value: response, enumerable: true });
  }

  /** Params of the next round beside those of the request. */
  answers(): Record<string, unknown> {
    return {
      ...(this.questions.length > 0 && { inputResponses: this.#responses }),
      ...(this.#requestState !== undefined && { requestState: this.#requestState }),
    };
  }
}
