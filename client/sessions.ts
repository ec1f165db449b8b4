/**
 * The sessions command: looks after sessions from the command line.
 *
 *     deno task sessions --help
 *
 * @module
 */

import { messageOf } from "../runtime/errors.ts";
import { stopSignal } from "../runtime/stop_signal.ts";
import { requireDeno } from "../runtime/deno_version.ts";
import { readCommandLine } from "../runtime/flags.ts";
import { defaultJarPath, FileJar, settleSizeLimit, surviveSizeLimit } from "./jar/file_jar.ts";
import { redactUrl } from "./jar/server_key.ts";
import { printable, printableJson } from "../runtime/terminal/terminal_text.ts";
import { endAll, terminateAll } from "./connection/child_processes.ts";
import { type Command, commandOf, SESSIONS } from "./sessions/flags.ts";
import { IdRedactor } from "./sessions/id_redactor.ts";
import { runOnJar } from "./sessions/jar_commands.ts";
import { type Report, reportText } from "./sessions/report.ts";
import { runOnServer } from "./sessions/server_commands.ts";

async function main(command: Command): Promise<number> {
  const { json, full } = command.settings;
  const ids = new IdRedactor(full);
  const complain = (text: string) => {
    // A URL may have a password or a key in it.
    const safe = ids.redact(text).replace(/https?:\/\/[^\s"')]+/g, redactUrl);
    console.error(`sessions: ${printable(safe.replace(/\s*\n\s*/g, " "))}`);
  };
  try {
    const report = await run(command, ids, complain);
    if (json) console.log(printableJson(report.json, 2));
    else if (report.failed) complain(reportText(report, ids));
    else console.log(reportText(report, ids));
    return report.failed ? 1 : 0;
  } catch (error) {
    await stopping;
    complain(messageOf(error));
    return 1;
  }
}

async function run(
  command: Command,
  ids: IdRedactor,
  warn: (text: string) => void,
): Promise<Report> {
  const { jar: path = defaultJarPath(), profile } = command.settings;
  surviveSizeLimit();
  await using jar = await FileJar.open(path, { warn });
  if (command.kind === "jar") return await runOnJar(command.action, { jar, profile, ids });
  const { action, target } = command;
  return await runOnServer(action, { target, jar, profile: profile ?? "default", ids, warn });
}

/** Set by a stop signal: nothing goes on after that. */
let stopping: Promise<never> | undefined;

if (import.meta.main) {
  requireDeno("sessions");
  const command = readCommandLine(SESSIONS, commandOf);
  void stopSignal().then((status) => {
    stopping = terminateAll().then(() => Deno.exit(status));
  });
  const status = await main(command);
  await stopping;
  // A failed connection does not wait for its server to end.
  await endAll();
  await settleSizeLimit();
  Deno.exit(status);
}
