/**
 * The SDK's second-generation client with this project's session layer: keeps a hash, waits for a line on
 * stdin, and verifies the hash. Arguments: the package, which an import by name would put into
 * `deno.lock`, and the server's URL.
 */

import { sendOnce, withSession } from "../../client/mod.ts";

const [specifier = "", url = ""] = Deno.args;
const { Client, StreamableHTTPClientTransport } = await import(specifier);

const told: string[] = [];
const transport = withSession(
  () => new StreamableHTTPClientTransport(new URL(url), { fetch: sendOnce }),
  { onsession: ({ type }) => told.push(type) },
);
const client = new Client({ name: "second", version: "1" });
await client.connect(transport);
const text = { key: "k", text: "t" };
await client.callTool({ name: "hashcheck_store", arguments: text });
const before = transport.sessionId;
console.log("stored");
await Deno.stdin.read(new Uint8Array(1));
const { structuredContent: { match } } = await client.callTool({
  name: "hashcheck_verify",
  arguments: text,
});
const hasNewTransport = before !== undefined && transport.sessionId !== before;
await client.close();
console.log(JSON.stringify({ match, told, hasNewTransport }));
