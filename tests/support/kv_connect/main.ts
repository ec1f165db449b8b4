/**
 * The endpoint as a process, with the command line of `denokv`:
 * `main.ts --sqlite-path FILE serve --addr HOST:PORT --access-token TOKEN`.
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
