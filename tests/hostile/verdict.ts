/** Checks of all that an attacker gets back. */

/** A fault of the server. */
export class Fault extends Error {
  override readonly name = "Fault";
}

/** Texts that only their owner may see. */
export interface Private {
  /** Ids of sessions, which are bearer tokens. */
  readonly ids: readonly string[];
  readonly secret: string;
}

/** @throws {Fault} if `text` contains anything private, or a stack trace. */
export function checkText(text: string, { ids, secret }: Private): void {
  if (text.includes(secret)) throw new Fault(`Another session's secret leaks: ${around(text)}`);
  const leaked = ids.find((id) => text.includes(id.slice(5)));
  if (leaked !== undefined) throw new Fault(`Another session's id leaks: ${around(text)}`);
  if (/\bat [^"\n]*\b(?:file|npm|node|ext):|\.[jt]s:\d+:\d+/.test(text)) {
    throw new Fault(`A stack trace leaks: ${around(text)}`);
  }
}

/** A message from the server. */
export interface Message {
  readonly id?: unknown;
  readonly method?: unknown;
  readonly result?: unknown;
  readonly error?: unknown;
}

/** @throws {Fault} if `text` is not one message of JSON-RPC 2.0. */
export function checkMessage(text: string): Message {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Fault(`Not JSON: ${around(text)}`);
  }
  const found = Object(value);
  const { jsonrpc, id, method, params, result, error } = found;
  const has = (key: string) => Object.hasOwn(found, key);
  const isId = typeof id === "string" || Number.isSafeInteger(id);
  const isObject = (value: unknown) => typeof value === "object" && value !== null;
  const valid = jsonrpc === "2.0" &&
    (has("method")
      ? typeof method === "string" && (!has("id") || isId) && !has("result") && !has("error") &&
        (!has("params") || isObject(params))
      : has("result")
      ? isId && !has("error") && isObject(result) && !Array.isArray(result)
      : (isId || id === null) && isObject(error) && Number.isSafeInteger(Object(error).code) &&
        typeof Object(error).message === "string" && Object(error).message !== "");
  if (!valid) throw new Fault(`Not a message of JSON-RPC 2.0: ${around(text)}`);
  return found;
}

/** The beginning of a text, quoted. */
export function around(text: string): string {
  return JSON.stringify(text.length > 600 ? `${text.slice(0, 600)}…` : text);
}
