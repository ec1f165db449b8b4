/**
 * The SDK's second-generation client, for Node: waits for the answer of a call, or listens for changes.
 * Arguments: the package's folder, how the version of MCP is found, as JSON, the way to the server, as
 * JSON, and `call` or `listen`. A line on stdin makes an end.
 */

import process from "node:process";
import { once } from "node:events";
import { transportTo } from "../support/servers/run_once.ts";
import { sdkIn } from "./client_2_sdk.ts";

const [folder = "", mode = "", reach = "", what = ""] = process.argv.slice(2);
const sdk = await sdkIn(folder);
const client = new sdk.Client({ name: "second", version: "1" }, {
  versionNegotiation: { mode: JSON.parse(mode) },
});
await client.connect(transportTo(sdk, JSON.parse(reach)));
const told = once(process.stdin, "data");

if (what === "call") {
  const controller = new AbortController();
  const call = client.callTool({ name: "wait", arguments: {} }, { signal: controller.signal });
  call.then(() => console.log("answered"), () => console.log("aborted"));
  await told;
  controller.abort();
  await call.catch(() => {});
} else {
  const { promise: changed, resolve } = Promise.withResolvers<void>();
  client.setNotificationHandler("notifications/tools/list_changed", () => resolve());
  const subscription = await client.listen({ toolsListChanged: true });
  await client.callTool({ name: "change", arguments: { kind: "tools" } });
  await changed;
  console.log("changed");
  await Promise.race([told.then(() => client.close()), subscription.closed]);
  console.log(await subscription.closed);
}
process.stdin.destroy();
await client.close();
