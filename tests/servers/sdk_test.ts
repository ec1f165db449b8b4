/** The SDK's server with a validator that it makes late. */

import { assertEquals, assertRejects } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/inMemory"
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { McpServer, type ServerOptions } from "../../servers/base/mod.ts";

type Validator = NonNullable<ServerOptions["jsonSchemaValidator"]>;

/** Asks a client for a whole number by a server, which gets `content`. */
async function asked(content: Record<string, string | number>, options?: ServerOptions) {
  const [client, wire] = InMemoryTransport.createLinkedPair();
  const server = new McpServer({ name: "asking", version: "1.0.0" }, options);
  const initialized = Promise.withResolvers<void>();
  client.onmessage = (message) => {
    if (!("method" in message)) initialized.resolve();
    if (!("method" in message) || !("id" in message)) return;
    const { id } = message;
    void client.send({ jsonrpc: "2.0", id, result: { action: "accept", content } });
  };
  await server.connect(wire);
  const clientInfo = { name: "client", version: "1.0.0" };
  const capabilities = { elicitation: {} };
  const params = { protocolVersion: "2025-11-25", capabilities, clientInfo };
  await client.send({ jsonrpc: "2.0", id: 1, method: "initialize", params });
  await initialized.promise;
  try {
    return await server.server.elicitInput({
      message: "How many?",
      requestedSchema: {
        type: "object",
        properties: { count: { type: "integer" } },
        required: ["count"],
      },
    });
  } finally {
    await server.close();
  }
}

Deno.test("McpServer: checks the content of an elicitation against its form", async () => {
  assertEquals(await asked({ count: 2 }), { action: "accept", content: { count: 2 } });
  await assertRejects(() => asked({ count: "two" }), Error, "must be integer");
});

Deno.test("McpServer: a validator of the user's own counts", async () => {
  const jsonSchemaValidator: Validator = {
    getValidator: () => () => ({ valid: false, data: undefined, errorMessage: "not today" }),
  };
  await assertRejects(() => asked({ count: 2 }, { jsonSchemaValidator }), Error, "not today");
  // Options without one leave the SDK's.
  await assertRejects(() => asked({ count: "two" }, {}), Error, "must be integer");
});
