/**
 * Hono on Deno, seen by two users: each has a session of their own, and the cookie of the other opens
 * nothing. Ends with status 0 if that is so.
 *
 *     deno run -A examples/hono/client.ts
 */

import { sendOnce, withSession } from "@mcp-sessions/deno/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { deepEqual, equal, rejects } from "node:assert/strict";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("server.ts", import.meta.url));
await using server = new Deno.Command(Deno.execPath(), {
  args: ["run", "-qA", program, "0", "memory:"],
  stdout: "piped",
}).spawn();
const { value: said = "" } = await server.stdout.pipeThrough(new TextDecoderStream())
  .values({ preventCancel: true }).next();
console.log(said.trim());
const url = new URL(said.replace("Listening on ", ""));

equal(await (await fetch(new URL("/", url))).text(), "There is a counter at /mcp");
console.log("A route of the app's own is answered beside it.");
equal((await fetch(url, { method: "POST", body: "{}" })).status, 401);
console.log("Without a token a call is refused with 401.");

/** A client of one user. */
async function connected(token: string) {
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  const transport = withSession(
    () => new StreamableHTTPClientTransport(url, { fetch: sendOnce, requestInit }),
  );
  const client = new Client({ name: "example", version: "1.0.0" });
  await client.connect(transport);
  const count = async (_meta = {}) =>
    (await client.callTool({ name: "count", _meta })).content[0].text;
  return { client, transport, count };
}

const [alice, bob] = await Promise.all([connected("secret-of-alice"), connected("secret-of-bob")]);
deepEqual(
  [await alice.count(), await alice.count(), await bob.count()],
  ["Call 1 of this session", "Call 2 of this session", "Call 1 of this session"],
);
console.log("Alice and Bob count in a session each.");
const { id } = alice.transport.cookie!;
await rejects(bob.count({ "mcp/session": { id } }), { code: -32002 });
console.log("With Alice's cookie, Bob is refused as one without a session.");

await Promise.all([alice.client.close(), bob.client.close()]);
