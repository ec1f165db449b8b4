/**
 * Input requests: what a server can ask its client for, the capability that each needs, and the guards
 * of the answers.
 *
 * @module
 */

import { isObject, type Json, member } from "../../../runtime/json.ts";
import type {
  CreateMessageParams,
  CreateMessageResult,
  ElicitFormParams,
  ElicitResult,
  ListRootsResult,
} from "../sdk.ts";

/** The params of an elicitation by URL: a page on which the user does what no form may ask for. */
export interface ElicitUrlParams {
  /** Tells it from an elicitation by a form. */
  readonly mode: "url";
  /** What the user is to do there, and why. */
  readonly message: string;
  /** The page. */
  readonly url: string;
}

/** A request for input from the client: from its user, its model or its file system. */
export type InputRequest =
  | {
    /** Asks the user, by a form or a page. */
    readonly method: "elicitation/create";
    /** The form or the page. */
    readonly params: ElicitFormParams | ElicitUrlParams;
  }
  | {
    /** Asks the client's model. */
    readonly method: "sampling/createMessage";
    /** The messages to the model, and how it is to answer. */
    readonly params: CreateMessageParams;
  }
  | {
    /** Asks for the folders that the client works in. */
    readonly method: "roots/list";
    /** Nothing that the specification defines. */
    readonly params?: Readonly<Record<string, unknown>>;
  };

/** The client's result of each method. */
export interface InputResultOf {
  /** `action` says whether the user has answered; `content` is not checked against the form's schema. */
  readonly "elicitation/create": ElicitResult;
  /** The message of the client's model. */
  readonly "sampling/createMessage": CreateMessageResult;
  /** The folders. */
  readonly "roots/list": ListRootsResult;
}

/** The results of input requests, under the same keys. */
export type InputResults<R extends Readonly<Record<string, InputRequest>>> = {
  readonly [K in keyof R]: InputResultOf[R[K]["method"]];
};

/** Whether each request has a result of its method. */
export function areAnswered<R extends Readonly<Record<string, InputRequest>>>(
  requests: R,
  results: Readonly<Record<string, unknown>>,
): results is InputResults<R> {
  return Object.entries(requests).every(([key, request]) => isAnswer(request, results[key]));
}

/** Whether a value from the client is a result of a request's method. */
export function isAnswer({ method, params }: InputRequest, result: unknown): boolean {
  if (!isObject(result)) return false;
  switch (method) {
    case "elicitation/create": {
      const { action, content } = result;
      return ["accept", "decline", "cancel"].some((known) => known === action) &&
        (content === undefined || content === null ||
          isObject(content) && Object.values(content).every(isFieldValue));
    }
    case "sampling/createMessage":
      return typeof result.model === "string" &&
        (result.role === "user" || result.role === "assistant") &&
        // A model with tools may call several.
        (offersTools(params) ? areBlocks(result.content) : isMedia(result.content));
    case "roots/list":
      return Array.isArray(result.roots) &&
        result.roots.every((root) =>
          typeof member(root, "uri") === "string" &&
          ["string", "undefined"].includes(typeof member(root, "name"))
        );
  }
}

/** Whether a value is one that a field of a form can have. */
function isFieldValue(value: unknown): boolean {
  return ["string", "number", "boolean"].includes(typeof value) ||
    Array.isArray(value) && value.every((choice) => typeof choice === "string");
}

/** Whether content is a text, a picture or a sound. */
function isMedia(content: unknown): boolean {
  const type = member(content, "type");
  const parts = type === "text" ? ["text"] : ["data", "mimeType"];
  return ["text", "image", "audio"].some((known) => known === type) &&
    parts.every((part) => typeof member(content, part) === "string");
}

function areBlocks(content: unknown): boolean {
  return isObject(content) || Array.isArray(content) && content.every(isObject);
}

/** The capabilities that requests need and a client has not declared; `undefined` if it has them all. */
export function missingCapabilities(
  requests: Iterable<InputRequest>,
  declared: Readonly<Record<string, unknown>>,
): Record<string, Record<string, Json>> | undefined {
  const missing: Record<string, Record<string, Json>> = {};
  for (const request of requests) {
    const [capability, ...parts] = requiredCapability(request);
    const its = declared[capability];
    const lacking = parts.filter((part) => !isDeclared(its, part));
    if (isObject(its) && lacking.length === 0) continue;
    missing[capability] = {
      ...missing[capability],
      ...Object.fromEntries(lacking.map((part) => [part, {}])),
    };
  }
  return Object.keys(missing).length === 0 ? undefined : missing;
}

function requiredCapability(
  request: InputRequest,
): readonly [capability: string, ...parts: string[]] {
  switch (request.method) {
    case "elicitation/create":
      return ["elicitation", member(request.params, "mode") === "url" ? "url" : "form"];
    case "sampling/createMessage": {
      const { includeContext = "none" } = request.params;
      const parts = [
        ...includeContext === "none" ? [] : ["context"],
        ...offersTools(request.params) ? ["tools"] : [],
      ];
      return ["sampling", ...parts];
    }
    case "roots/list":
      return ["roots"];
  }
}

/** Whether the model gets tools, which the type does not have but its values may. */
function offersTools(params: unknown): boolean {
  return ["tools", "toolChoice"].some((name) => member(params, name) !== undefined);
}

function isDeclared(declared: unknown, part: string): boolean {
  if (!isObject(declared)) return false;
  if (isObject(declared[part])) return true;
  // Before there were two modes, the empty capability was that of forms.
  return part === "form" && !Object.hasOwn(declared, "url");
}
