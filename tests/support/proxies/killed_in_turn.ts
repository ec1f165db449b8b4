/** Clients of two servers behind a proxy, while each of the servers is killed. */

import { assert, assertEquals } from "@std/assert";
import { callRequest, messagesOf, presenting, request } from "../servers/wire.ts";
import { until } from "../until.ts";
import type { Running } from "./running.ts";

/** A proxy that runs until disposal. */
export interface Proxy extends AsyncDisposable {
  /** How many requests each server has answered with status 200, by its address. */
  answered(): Promise<Map<string, number>>;
}

/** Two servers behind a proxy. */
export interface Proxied {
  /** The addresses of the servers, as the proxy names them. */
  readonly servers: readonly string[];
  /** Starts a server, and waits until it listens. */
  readonly serve: (index: number) => Promise<Running>;
  /** Starts the proxy. */
  readonly proxy: () => Promise<Proxy>;
  /** Sends a message to the proxy. */
  readonly post: (message: string) => Promise<Response>;
}

const CLIENTS = 8;
const NOTES_A_ROUND = 25;

/** A client that knows the proxy alone. */
class Writer {
  readonly #post: Proxied["post"];
  readonly #name: string;
  #id = "";
  #texts = 0;
  /** The numbers of the notes that were acknowledged, by text. */
  readonly acknowledged = new Map<string, unknown>();

  constructor(post: Proxied["post"], name: string) {
    this.#post = post;
    this.#name = name;
  }

  async open(): Promise<void> {
    const [reply] = await messagesOf(await this.#post(request("session/create")));
    assert(reply?.result, JSON.stringify(reply));
    this.#id = String(Object(reply.result).id);
  }

  /** Writes until so many notes are acknowledged. One without an answer is not sent again. */
  async write(count: number, onwritten = () => {}): Promise<void> {
    const enough = this.acknowledged.size + count;
    while (this.acknowledged.size < enough) {
      const text = `${this.#name}, note ${this.#texts++}`;
      const answer = await this.#call("notebook_append", { text });
      if (answer === undefined) continue;
      this.acknowledged.set(text, answer["note_number"]);
      onwritten();
    }
  }

  /** Whether anybody has answered. */
  async isServed(): Promise<boolean> {
    return await this.#call("notebook_status", {}) !== undefined;
  }

  async notes(): Promise<string[]> {
    const answer = await this.#call("notebook_read", {});
    assert(answer !== undefined);
    return (answer["notes"] as { text: string }[]).map(({ text }) => text);
  }

  /** `undefined` where nobody has answered, or not to the end; any other error fails the test. */
  async #call(name: string, args: object): Promise<Record<string, unknown> | undefined> {
    const { _meta } = presenting({ id: this.#id });
    try {
      const response = await this.#post(callRequest(name, args, 1, _meta));
      if (response.status === 502) {
        await response.body?.cancel();
        return undefined;
      }
      const [reply] = await messagesOf(response);
      assertEquals([response.status, reply?.error], [200, undefined]);
      return Object(Object(reply?.result).structuredContent);
    } catch (error) {
      // The server was killed in the middle of its answer: over HTTP/2 an error of the stream, which may
      // come before there is a response. A proxy that does not listen is no such thing.
      const isReached = !/\(Connect\)/.test(Deno.inspect(error));
      if (error instanceof TypeError && isReached) return undefined;
      throw error;
    }
  }
}

/** Lets clients write while each server is killed in turn, and looks for every note. */
export async function killedInTurn({ servers, serve, proxy, post }: Proxied): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const running = [opened.use(await serve(0)), opened.use(await serve(1))];
  const inFront = opened.use(await proxy());
  const writers = Array.from({ length: CLIENTS }, (_, i) => new Writer(post, `client ${i}`));
  await Promise.all(writers.map((writer) => writer.open()));
  const round = (onwritten?: () => void) =>
    Promise.all(writers.map((writer) => writer.write(NOTES_A_ROUND, onwritten)));

  await round();
  const before = await inFront.answered();
  assertEquals(before.size, 2, "both servers answer");
  for (const [index, address] of servers.entries()) {
    let written = 0;
    let killed: Promise<unknown> | undefined;
    await round(() => {
      if (++written === CLIENTS * 2) killed = running[index]!.stop();
    });
    await killed;

    running[index] = opened.use(await serve(index));
    const answers = async () => (await inFront.answered()).get(address) ?? 0;
    const soFar = await answers();
    // nginx leaves a server alone for ten seconds that did not answer.
    await until(
      async () => await writers[0]!.isServed() && await answers() > soFar,
      (isBack) => isBack,
    );
  }
  await round();

  for (const writer of writers) {
    const notes = await writer.notes();
    assertEquals(new Set(notes).size, notes.length, "a note was made twice");
    for (const [text, number] of writer.acknowledged) {
      assertEquals(notes[Number(number) - 1], text, "an acknowledged note is not in its place");
    }
  }
}
