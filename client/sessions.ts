/**
 * Looks after sessions from the command line:
 *
 *     deno task sessions --help
 *
 * @module
 */

import { stopSignal } from "../runtime/stop_signal.ts";
import { requireDeno } from "../runtime/deno_version.ts";
import { printable } from "../runtime/terminal_text.ts";
import { messageOf } from "../runtime/errors.ts";
import { defaultJarPath, FileJar, settleSizeLimit, surviveSizeLimit } from "./jar/file_jar.ts";
import { redactUrl } from "./jar/server_key.ts";
import { printableJson } from "../runtime/terminal_text.ts";
import { endAll, terminateAll } from "./connection/child_processes.ts";
import { type Command, HELP, parseCommand, UsageError } from "./sessions/flags.ts";
import { Ids } from "./sessions/session_ids.ts";
import { runOnJar } from "./sessions/jar_commands.ts";
import { type Report, table } from "./sessions/report.ts";
import { runOnServer } from "./sessions/server_commands.ts";

/** Runs one command, and gives the exit status. */
async function main(args: readonly string[]): Promise<number> {
  let command: Command;
  try {
    command = parseCommand(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`sessions: ${printable(error.message)}`);
    return 2;
  }
  if (command.kind === "help") {
    console.log(HELP);
    return 0;
  }
  const { json, full } = command.settings;
  const ids = new Ids(full);
  const complain = (text: string) => {
    // A URL may have a password or a key in it.
    const safe = ids.shorten(text).replace(/https?:\/\/[^\s"')]+/g, redactUrl);
    console.error(`sessions: ${printable(safe.replace(/\s*\n\s*/g, " "))}`);
  };
  try {
    const report = await run(command, ids, complain);
    if (json) console.log(printableJson(report.json, 2));
    else if (report.failed) complain(textOf(report, ids));
    else console.log(textOf(report, ids));
    return report.failed ? 1 : 0;
  } catch (error) {
    await stopping;
    complain(messageOf(error));
    return 1;
  }
}

async function run(
  command: Exclude<Command, { kind: "help" }>,
  ids: Ids,
  warn: (text: string) => void,
): Promise<Report> {
  const { jar: path = defaultJarPath(), profile } = command.settings;
  surviveSizeLimit();
  await using jar = await FileJar.open(path, { warn });
  if (command.kind === "jar") return await runOnJar(command.action, { jar, profile, ids });
  const { action, target } = command;
  return await runOnServer(action, { target, jar, profile: profile ?? "default", ids, warn });
}

function textOf({ shown }: Report, ids: Ids): string {
  const shorten = (text: string) => ids.shorten(text);
  return typeof shown === "string" ? printable(shorten(shown), "\n\t") : table(shown, shorten);
}

/** Set once somebody stops this: nothing goes on after that. */
let stopping: Promise<never> | undefined;

if (import.meta.main) {
  requireDeno("sessions");
  void stopSignal().then((status) => {
    stopping = terminateAll().then(() => Deno.exit(status));
  });
  const status = await main(Deno.args);
  await stopping;
  // A connection that could not be made is given up without waiting for its server to end.
  await endAll();
  await settleSizeLimit();
  Deno.exit(status);
}
