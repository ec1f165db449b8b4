/**
 * A question to whoever sits at the terminal.
 *
 * @module
 */

/**
 * Asks on standard error, as standard output may be a file, and waits without holding up the signals:
 * Ctrl-C ends the program at a question too.
 *
 * @returns Whether the answer is yes.
 */
export async function askOnTerminal(question: string): Promise<boolean> {
  Deno.stderr.writeSync(new TextEncoder().encode(`${question} [y/N] `));
  // A terminal gives a line at a time.
  const line = new Uint8Array(1024);
  const length = await Deno.stdin.read(line) ?? 0;
  return /^y(es)?$/i.test(new TextDecoder().decode(line.subarray(0, length)).trim());
}
