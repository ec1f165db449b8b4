/**
 * Cart, seen by two clients: one that knows no sessions may browse and no more, one with a session shops
 * while the server is killed. Ends with status 0 if all went so.
 *
 *     deno run -A examples/cart/client.ts
 */

import { isOutcomeUnknown, withSession } from "@mcp-sessions/deno/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { deepEqual, rejects } from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = await Deno.makeTempDir();
const program = fileURLToPath(new URL("server.ts", import.meta.url));
const store = `file:${join(folder, "carts.jsonl")}`;
const args = ["run", "-qA", program, "--store", store];
const connect = () => new StdioClientTransport({ command: Deno.execPath(), args });

const visitor = new Client({ name: "visitor", version: "1.0.0" });
await visitor.connect(connect());
const { structuredContent: prices } = await visitor.callTool({ name: "browse" });
console.log("A visitor without a session browses:", prices);
const refused = visitor.callTool({ name: "add", arguments: { item: "bread" } });
await rejects(refused, { code: -32002 });
console.log("Nothing can be put into a cart that is nobody's: the call is refused with -32002.");
await visitor.close();

const events: string[] = [];
let server: StdioClientTransport;
const shopper = new Client({ name: "shopper", version: "1.0.0" });
await shopper.connect(
  withSession(() => server = connect(), { onsession: ({ type }) => events.push(type) }),
);
const call = async (name: string, item?: string) =>
  (await shopper.callTool({ name, arguments: { item } })).structuredContent;

await Promise.all(["apples", "cheese", "apples"].map((item) => call("add", item)));
console.log("A client with a session puts three things into its cart at once.");
Deno.kill(server!.pid, "SIGKILL");
console.log("The server is killed.");
// What was sent to a server that dies is not sent again by itself; what only reads, may be.
const cart = await call("view").catch((error) => {
  if (isOutcomeUnknown(error)) return call("view");
  throw error;
});
deepEqual(cart, { apples: 2, cheese: 1 });
console.log("The next server has the cart: two apples and a cheese.");
deepEqual(await call("check_out"), { total: 15 });
deepEqual(await call("view"), {});
deepEqual(events, ["created", "reconnected", "replaced"]);
console.log("They are paid for, and the next cart is empty.");
await shopper.close();
await Deno.remove(folder, { recursive: true });
