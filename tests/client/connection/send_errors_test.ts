/** Send errors, classified by the shape of errors that other packages throw. */

import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { sendErrorKind, statusOf } from "../../../client/connection/send_errors.ts";
import { StreamableHTTPClientTransport, type Transport } from "../../../client/sdk.ts";
import { Connected, Durable, startFixture } from "../../support/client/client_fixture.ts";

/** The error of the SDK's second generation, as `@modelcontextprotocol/client` 2.4 throws it. */
class SdkHttpError extends Error {
  override readonly name = "SdkHttpError";
  readonly code = "CLIENT_HTTP_NOT_IMPLEMENTED";
  readonly data: { readonly status: number; readonly statusText: string; readonly text: string };

  constructor(status: number, text: string) {
    super(`Error POSTing to endpoint: ${text}`);
    this.data = { status, statusText: "", text };
  }

  get status(): number {
    return this.data.status;
  }
}

/** The imported SDK's error for a server that answers with this status. */
async function thrownFor(status: number): Promise<unknown> {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("text", { status }),
  );
  const url = new URL(`http://127.0.0.1:${server.addr.port}/`);
  const transport = new StreamableHTTPClientTransport(url);
  await transport.start();
  const thrown = await transport.send({ jsonrpc: "2.0", method: "x" }).catch((error) => error);
  await transport.close();
  return thrown;
}

/** Makes a transport fail as that of the SDK's second generation does. */
function ofSecondGeneration(transport: Transport): Transport {
  const send = transport.send.bind(transport);
  transport.send = (...args) =>
    send(...args).catch((error) => {
      const status = statusOf(error);
      throw status === undefined ? error : new SdkHttpError(status, error.message);
    });
  return transport;
}

for (const status of [401, 403, 404, 503]) {
  Deno.test(`statusOf: reads ${status} in the errors of both generations of the SDK`, async () => {
    const errors = [await thrownFor(status), new SdkHttpError(status, "text")];
    assertEquals(errors.map(statusOf), [status, status]);
    const failure = status === 404 ? "gone" : "other";
    assertEquals(errors.map(sendErrorKind), [failure, failure]);
  });
}

Deno.test("statusOf: gives undefined for an error without a status", () => {
  const odd = Object.assign(new Error("odd"), { code: "ENOENT", data: { status: "404" } });
  for (
    const error of [odd, new Error("plain"), new TypeError("body"), { code: 404 }, null, "404"]
  ) {
    assertEquals(statusOf(error), undefined, String(error));
  }
});

Deno.test("withSession: reconnects after a 404 in the form of the SDK's second generation", async () => {
  await using fixture = await Durable.create("stateful");
  await using it = new Connected(() => ofSecondGeneration(fixture.connect()));
  await it.client.connect(it.transport);
  const { id, transport: { sessionId } } = it;
  await fixture.kill();
  await fixture.start();
  assertEquals(await it.call("echo", { note: "after" }), id);
  assertNotEquals(it.transport.sessionId, sessionId);
  assertEquals(it.told, ["created", "reconnected"]);
  assertEquals(await fixture.ran(), ["after"]);
});

Deno.test("withSession: gives the caller a 404 where there is no transport session", async () => {
  await using fixture = await startFixture("http", "--forgetful");
  await using it = new Connected(() => ofSecondGeneration(fixture.connect()));
  await it.client.connect(it.transport);
  const error = await assertRejects(() => it.call("echo"));
  assertEquals([statusOf(error), fixture.connections, it.told], [404, 1, ["created"]]);
});
