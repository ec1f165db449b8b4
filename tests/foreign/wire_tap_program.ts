/**
 * Runs a program, and notes each line of its input and its output in a file. Arguments: the folder of
 * the file, and the command.
 */

import { lines } from "../support/lines.ts";

const [folder = "", command = "", ...args] = Deno.args;
using file = Deno.openSync(`${folder}/${Deno.pid}`, { append: true, create: true });
const program = new Deno.Command(command, { args, stdin: "piped", stdout: "piped" }).spawn();
Deno.addSignalListener("SIGTERM", () => program.kill("SIGTERM"));

async function pass(
  from: ReadableStream<Uint8Array>,
  to: WritableStream<Uint8Array>,
): Promise<void> {
  const writer = to.getWriter();
  for await (const line of lines(from)) {
    const bytes = new TextEncoder().encode(`${line}\n`);
    file.writeSync(bytes);
    await writer.write(bytes);
  }
  await writer.close();
}

void pass(Deno.stdin.readable, program.stdin);
await pass(program.stdout, Deno.stdout.writable);
Deno.exit((await program.status).code);
