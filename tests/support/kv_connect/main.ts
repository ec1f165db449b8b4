/**
 * The endpoint as a process that can be killed, with the command line of `denokv`:
 * `kv_connect_main.ts --sqlite-path FILE serve --addr HOST:PORT --access-token TOKEN`.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { KvConnect } from "./kv_connect.ts";

const args = parseArgs(Deno.args, { string: ["sqlite-path", "addr", "access-token"] });
const { port } = new URL(`http://${args.addr}`);
const endpoint = new KvConnect({
  token: args["access-token"]!,
  port: Number(port),
  file: args["sqlite-path"]!,
});
console.error(`Listening on ${endpoint.url}`);
