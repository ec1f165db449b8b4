/**
 * One run of the SDK's second-generation client, for Node. Arguments: the package's folder, how the version
 * of MCP is found, as JSON, and the run.
 */

import process from "node:process";
import { runOnce } from "../support/servers/run_once.ts";
import { sdkIn } from "./client_2_sdk.ts";

const [folder = "", mode = "", job = ""] = process.argv.slice(2);
await runOnce(await sdkIn(folder), job, { versionNegotiation: { mode: JSON.parse(mode) } });
