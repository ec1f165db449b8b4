/** One connection of an attacker, and the checks of all that came back over it. */

import { checkEra } from "./era_verdict.ts";
import { expectedFor, parsed } from "./expected.ts";
import type { Attack } from "./http_requests.ts";
import { type HttpResponse, readResponses } from "./http_responses.ts";
import { around, checkMessage, checkText, Fault, type Message, type Private } from "./verdict.ts";

/** The statuses that a server may send. */
const STATUSES = [
  ...[200, 202, 204, 400, 401, 403, 404, 405, 406, 408, 409, 411, 413, 414, 415, 417, 429, 431],
  ...[501, 503, 505],
];
/** The statuses of an overloaded server, for any request. */
const BUSY = [408, 413, 429, 503];

/** Options of {@linkcode exchange}. */
export interface ExchangeOptions {
  readonly address: { readonly hostname: string; readonly port: number };
  readonly priv: Private;
  readonly answerMs: number;
  /** The ids that others cancel meanwhile. */
  readonly cancelled: ReadonlySet<unknown>;
}

/** Sends an attack and checks the responses. @throws {Fault} naming what the server did wrong. */
export async function exchange(attack: Attack, options: ExchangeOptions): Promise<void> {
  const { address, priv, answerMs } = options;
  using connection = await Deno.connect(address);
  const timer = setTimeout(() => connection.close(), answerMs);
  let received: Uint8Array;
  try {
    const sending = send(connection, attack);
    received = await receive(connection, attack);
    await sending;
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted)) {
      throw error;
    }
    throw new Fault(`No answer and no end after ${answerMs} ms`);
  } finally {
    clearTimeout(timer);
  }
  checkText(new TextDecoder().decode(received), priv);
  if (attack.foreign) return;
  const { responses } = readResponses(received, attack.methods, true);
  if (responses.length < attack.answers && !isTooLarge(attack)) {
    throw new Fault(`${responses.length} responses to ${attack.answers} requests`);
  }
  const messages = responses.map((response, index) => {
    return checkResponse(response, attack.methods[index]);
  });
  const sent = attack.message && parsed(attack.message);
  for (const message of messages.flat()) checkEra(sent, message);
  if (attack.message !== undefined && responses[0] !== undefined) {
    checkAnswer(attack.message, responses[0], messages[0] ?? [], options.cancelled);
  }
}

/** Whether the server may close the connection on a refused body, and lose its own response. */
function isTooLarge({ parts }: Attack): boolean {
  return parts.reduce((sum, part) => sum + part.length, 0) > 1_000_000;
}

async function send(connection: Deno.TcpConn, { parts, answers }: Attack): Promise<void> {
  try {
    for (const part of parts) {
      for (let at = 0; at < part.length;) at += await connection.write(part.subarray(at));
    }
    // Closing now would stop the server from sending the expected responses.
    if (answers === 0) await connection.closeWrite();
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

async function receive(connection: Deno.TcpConn, attack: Attack): Promise<Uint8Array> {
  let all = new Uint8Array();
  const part = new Uint8Array(65_536);
  for (;;) {
    let count;
    try {
      count = await connection.read(part);
    } catch (error) {
      if (isGone(error)) return all;
      throw error;
    }
    if (count === null) return all;
    const longer = new Uint8Array(all.length + count);
    longer.set(all);
    longer.set(part.subarray(0, count), all.length);
    all = longer;
    const { answers, methods } = attack;
    if (answers > 0 && readResponses(all, methods, false).responses.length >= answers) {
      await connection.closeWrite().catch((error) => {
        if (!isGone(error)) throw error;
      });
    }
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.NotConnected;
}

/** @throws {Fault} if the server must never send this response. */
function checkResponse(
  { status, headers, body }: HttpResponse,
  method: string | undefined,
): Message[] {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(body);
  if (!STATUSES.includes(status)) throw new Fault(`Status ${status}: ${around(text)}`);
  if (method === "HEAD") return [];
  const type = headers.get("content-type")?.split(";")[0];
  if (type === "application/json") return [checkMessage(text)];
  if (type === "text/event-stream") return checkEvents(text);
  if (text !== "") throw new Fault(`A body of type ${type}: ${around(text)}`);
  return [];
}

function checkEvents(text: string): Message[] {
  const messages: Message[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("data:")) {
      const data = line.slice(5).trim();
      // An event without data opens the stream.
      if (data !== "") messages.push(checkMessage(data));
    } else if (!/^$|^:|^(event|id|retry):/.test(line)) {
      throw new Fault(`Not a line of an event stream: ${around(line)}`);
    }
  }
  return messages;
}

/** @throws {Fault} if the response does not belong to the message. */
function checkAnswer(
  sent: Uint8Array,
  { status }: HttpResponse,
  messages: readonly Message[],
  cancelled: ReadonlySet<unknown>,
): void {
  const expected = expectedFor(sent, cancelled);
  if (expected.kind === "maybe" || BUSY.includes(status)) return;
  const last = messages.at(-1);
  if (last === undefined) throw new Fault(`Status ${status}, and no answer`);
  const id = last.id ?? null;
  const fits = expected.kind === "null"
    ? id === null && last.error !== undefined
    // A refusal of the HTTP request has no id.
    : id === expected.id || (id === null && (expected.orNull || status >= 400));
  if (!fits) {
    throw new Fault(
      `An answer to ${JSON.stringify(id)}, not to ${around(JSON.stringify(expected))}`,
    );
  }
}
