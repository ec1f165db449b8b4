/** A fetch that sends once, and the errors of a failed fetch, over real sockets. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { sendErrorKind } from "../../../client/connection/send_errors.ts";
import { sendOnce } from "../../../client/mod.ts";

type Answer = string | undefined;

/** A server that answers with these bytes, then hangs up; notes the bodies it got. */
class Raw implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #serving: Promise<void>;
  readonly got: string[] = [];

  constructor(...answers: Answer[]) {
    this.#serving = this.#serve(answers);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}/`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#serving;
  }

  async #serve(answers: Answer[]): Promise<void> {
    const connections: Promise<void>[] = [];
    try {
      for await (const connection of this.#listener) {
        connections.push(this.#talk(connection, answers));
      }
    } catch {
      // The listener is closed.
    }
    await Promise.all(connections);
  }

  async #talk(connection: Deno.TcpConn, answers: Answer[]): Promise<void> {
    using _ = connection;
    const buffer = new Uint8Array(4096);
    for (;;) {
      const length = await connection.read(buffer).catch(() => null);
      if (length === null) return;
      this.got.push(
        new TextDecoder().decode(buffer.subarray(0, length)).split("\r\n\r\n")[1] ?? "",
      );
      const answer = answers.shift();
      if (answer === undefined) return;
      await connection.write(new TextEncoder().encode(answer));
      if (!answer.endsWith("ok")) return;
    }
  }
}

/** A port that refuses connections. */
function closedPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const post = (url: string, body: string) => sendOnce(url, { method: "POST", body });

Deno.test("sendOnce: sends once where a kept-open connection would break", async () => {
  await using server = new Raw(OK, undefined, OK);
  assertEquals(await (await post(server.url, "first")).text(), "ok");
  const error = await assertRejects(() => post(server.url, "second"), TypeError);
  assertEquals([sendErrorKind(error), server.got], ["broken", ["first", "second"]]);
});

Deno.test("sendOnce: throws NeverSentError when it cannot connect", async () => {
  const port = closedPort();
  const error = await assertRejects(
    () => post(`http://127.0.0.1:${port}/`, "x"),
    TypeError,
    "refused",
  );
  assertEquals(sendErrorKind(error), "unsent");
  const unknown = await assertRejects(() => post("http://nowhere.invalid/", "x"), TypeError, "dns");
  assertEquals(sendErrorKind(unknown), "unsent");
});

const BROKEN: [claim: string, answer: Answer][] = [
  ["a connection closed before the answer", undefined],
  ["an answer that is not HTTP", "nonsense\r\n\r\n"],
  ["a body that is cut short", 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"a"'],
  [
    "a stream that is cut short",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\ndata:\r\n",
  ],
];
for (const [claim, answer] of BROKEN) {
  Deno.test(`sendErrorKind: ${claim} is broken`, async () => {
    await using server = new Raw(answer);
    const error = await assertRejects(async () => await (await post(server.url, "x")).text());
    assertEquals([sendErrorKind(error), server.got], ["broken", ["x"]]);
  });
}

Deno.test("sendErrorKind: a failed connection of Deno's own fetch is broken, not unsent", async () => {
  const port = closedPort();
  const error = await assertRejects(() => fetch(`http://127.0.0.1:${port}/`, { method: "POST" }));
  assertEquals(sendErrorKind(error), "broken");
});

Deno.test("sendErrorKind: an error before sending is other", () => {
  const wrong: (() => unknown)[] = [
    () => JSON.stringify(1n),
    () => new URL("nowhere"),
    () => new Headers({ "a b": "" }),
  ];
  for (const fail of wrong) assertEquals(sendErrorKind(assertThrows(fail)), "other");
  assertEquals(sendErrorKind("text"), "other");
  // Nothing is parsed before sending: it is the answer.
  assertEquals(sendErrorKind(assertThrows(() => JSON.parse("{"))), "broken");
  assert(sendErrorKind(Object.assign(new Error("x"), { code: 404 })) === "gone");
});
