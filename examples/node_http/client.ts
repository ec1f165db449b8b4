/**
 * Counter on `node:http`, seen by a client: the server is killed with `kill -9`, the next one goes on in
 * the session. Ends with status 0 if it did. Runs in Node too, as `node client.ts`.
 *
 *     deno run -A examples/node_http/client.ts
 */

import { equal } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { sendOnce, withSession } from "@mcp-sessions/deno/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const folder = await mkdtemp(join(tmpdir(), "counter-"));
const program = fileURLToPath(new URL("server.ts", import.meta.url));

/** Starts the server in a process of its own, and waits until it says where it listens. */
async function start(port: string) {
  const env = { ...process.env, PORT: port, STORE: `sqlite:${join(folder, "counter.db")}` };
  const child = spawn(process.execPath, [program], { env, stdio: ["ignore", "pipe", "inherit"] });
  process.once("exit", () => child.kill());
  const [said] = await once(createInterface(child.stdout), "line");
  console.log(said);
  return { child, url: new URL(said.replace("Listening on ", "")) };
}

const first = await start("0");
const { url } = first;
const client = new Client({ name: "example", version: "1.0.0" });
await client.connect(
  withSession(() => new StreamableHTTPClientTransport(url, { fetch: sendOnce })),
);
const count = async () => (await client.callTool({ name: "count" })).content[0].text;

equal(await count(), "Call 1 of this session");
first.child.kill("SIGKILL");
await once(first.child, "exit");
console.log("The server is killed; another is started in its place.");
const second = await start(url.port);
equal(await count(), "Call 2 of this session");
console.log("It goes on in the same session.");

await client.close();
second.child.kill();
await once(second.child, "exit");
await rm(folder, { recursive: true });
