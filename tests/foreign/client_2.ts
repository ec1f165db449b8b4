/**
 * The SDK's client of the second generation as a program for Node: one run, as its second argument
 * says. The first is the package's folder: an import by name would put the package into `deno.lock`,
 * and so onto the machine of everybody who starts a server.
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
