/**
 * Looks after a store: `deno task store --help`.
 *
 * @module
 */

import { messageOf } from "../runtime/errors.ts";
import { parseFlags } from "../runtime/flags.ts";
import { stopSignal } from "../runtime/stop_signal.ts";
import { printable, printableJson } from "../runtime/terminal/terminal_text.ts";
import { settleSizeLimit, surviveSizeLimit } from "../runtime/file_size_limit.ts";
import { type Command, commandOf, STORE } from "./admin/command_line.ts";
import { copyCommand } from "./admin/copy_command.ts";
import { repair, verify } from "./admin/file_commands.ts";
import { list } from "./admin/list_command.ts";
import { askOnTerminal } from "./admin/question.ts";
import { remove } from "./admin/remove_command.ts";
import { type Io, type Report, reportText } from "./admin/report.ts";
import { servers } from "./admin/servers_command.ts";
import { show } from "./admin/show_command.ts";
import { stats } from "./admin/stats_command.ts";

/**
 * Runs one command.
 *
 * @returns The exit status.
 */
export async function admin(args: readonly string[], io: Io): Promise<number> {
  try {
    const given = parseFlags(STORE, args);
    if (given.kind === "asked") {
      io.log(given.text);
      return 0;
    }
    const command = await commandOf(given, io.env);
    if (command.kind === "verify" || command.kind === "repair") {
      // Paths, and what stands in a file, must not move the cursor of whoever reads this.
      const say = (text: string) => io.log(printable(text));
      return command.kind === "verify"
        ? verify(command.path, say)
        : repair(command.path, command.to, say);
    }
    const report = await run(command, io);
    if (report.failed) io.error(`store: ${reportText(report)}`);
    else if (!given.flags.json) io.log(reportText(report));
    // What has failed in part has a document too.
    if (given.flags.json && report.json !== undefined) io.log(printableJson(report.json, 2));
    return report.failed ? 1 : 0;
  } catch (error) {
    io.error(`store: ${printable(messageOf(error))}`);
    return 2;
  }
}

function run(
  command: Exclude<Command, { readonly kind: "verify" | "repair" }>,
  io: Io,
): Promise<Report> {
  const { kind } = command;
  switch (kind) {
    case "servers":
      return servers(command);
    case "ls":
      return list(command);
    case "show":
      return show(command);
    case "rm":
      return remove(command, io);
    case "stats":
      return stats(command);
    case "copy":
      return copyCommand(command, io);
    default:
      return kind satisfies never;
  }
}

if (import.meta.main) {
  surviveSizeLimit();
  // Whatever was begun is as a kill leaves it.
  void stopSignal().then((status) => Deno.exit(status));
  const isTerminal = Deno.stdin.isTerminal() && Deno.stderr.isTerminal();
  Deno.exitCode = await admin(Deno.args, {
    log: console.log,
    error: console.error,
    env: Deno.env,
    ...(isTerminal && { ask: askOnTerminal }),
    ...(Deno.stderr.isTerminal() && {
      progress: (text: string) => Deno.stderr.writeSync(new TextEncoder().encode(text)),
    }),
  });
  await settleSizeLimit();
  Deno.exit();
}
