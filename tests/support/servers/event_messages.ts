/** The messages of an event stream, as they come. */

import { assert } from "@std/assert";
import { lines } from "../lines.ts";
import { parseMessage, type WireMessage } from "./wire.ts";

const DATA = "data: ";

export async function* eventMessages(response: Response): AsyncGenerator<WireMessage, void> {
  assert(response.body);
  for await (const line of lines(response.body)) {
    if (!line.startsWith(DATA)) continue;
    const message = parseMessage(line.slice(DATA.length));
    assert(message, `not a JSON-RPC message: ${line}`);
    yield message;
  }
}

/** The next message; the end of the stream fails the test. */
export async function nextMessage(
  messages: AsyncGenerator<WireMessage, void>,
): Promise<WireMessage> {
  const { value } = await messages.next();
  assert(value, "the stream has ended");
  return value;
}
