/**
 * One run of the SDK's second-generation client, for Node. Arguments: the package's folder, and the run.
 * An import by name would put the package into `deno.lock`, and so on every user's machine.
 */

import process from "node:process";
import { pathToFileURL } from "node:url";
import { runOnce } from "../support/servers/run_once.ts";

const [folder = "", job = ""] = process.argv.slice(2);
const [{ Client, StreamableHTTPClientTransport }, { StdioClientTransport }] = await Promise.all(
  ["index.mjs", "stdio.mjs"].map((file) => import(`${pathToFileURL(folder)}/dist/${file}`)),
);
const sdk = { Client, StdioClientTransport, StreamableHTTPClientTransport };
await runOnce(sdk, job, { versionNegotiation: { mode: "auto" } });
