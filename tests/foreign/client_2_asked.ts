/**
 * The SDK's second-generation client, for Node, with a user, a model and a folder: calls a tool, and shows
 * its result. Arguments: the package's folder, how the version of MCP is found, as JSON, the way to the
 * server, as JSON, and the tool.
 */

import process from "node:process";
import { transportTo } from "../support/servers/run_once.ts";
import { sdkIn } from "./client_2_sdk.ts";

const [folder = "", mode = "", reach = "", name = ""] = process.argv.slice(2);
const sdk = await sdkIn(folder);
const client = new sdk.Client({ name: "second", version: "1" }, {
  versionNegotiation: { mode: JSON.parse(mode) },
  capabilities: { elicitation: {}, sampling: {}, roots: {} },
});
let asked = 0;
const handlers = {
  "elicitation/create": () => ({ action: "accept", content: { name: `user ${++asked}` } }),
  "sampling/createMessage": () => ({
    role: "assistant",
    model: "m",
    content: { type: "text", text: "hello" },
  }),
  "roots/list": () => ({ roots: [{ uri: "file:///root" }] }),
};
for (const [method, handler] of Object.entries(handlers)) {
  client.setRequestHandler(method, handler);
}
await client.connect(transportTo(sdk, JSON.parse(reach)));
const result = await client.callTool({ name, arguments: {} });
await client.close();
console.log(JSON.stringify(result));
