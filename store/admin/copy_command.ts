/**
 * `copy`: all live sessions of a store to another store of any kind.
 *
 * @module
 */

import { countOf, numberText } from "../../runtime/quantities.ts";
import { printable } from "../../runtime/terminal/terminal_text.ts";
import { openInspector, openStore } from "../open.ts";
import type { Command } from "./command_line.ts";
import { CopyCounts, copyServer } from "./copy/server_copy.ts";
import { failure, type Io, type Report } from "./report.ts";
import { sessionsOf } from "./sessions.ts";

/** The pause between two looks at the progress, in milliseconds. */
const PROGRESS_MS = 200;

/** The most failures that are told. */
const MOST_FAILURES = 10;

/** The quotas are for servers to enforce. */
const NO_LIMITS = {
  sessions: Infinity,
  sessionsPerOwner: Infinity,
  bytesPerSession: Infinity,
  bytes: Infinity,
};

export async function copyCommand(
  { from: fromUrl, to: toUrl, server }: Command & { kind: "copy" },
  { error, progress }: Io,
): Promise<Report> {
  await using from = await openInspector(fromUrl);
  const servers = (await from.servers()).filter(({ namespace }) =>
    server === undefined || namespace === server
  );
  if (servers.length === 0) {
    return failure(
      server === undefined ? "There are no sessions" : `No sessions of ${server} there`,
    );
  }
  const total = servers.reduce((sum, { sessions }) => sum + sessions, 0);
  const counts = new CopyCounts();
  using shown = new Progress(total, progress);
  for (const { namespace } of servers) {
    await using to = await openStore(toUrl, {
      namespace,
      limits: NO_LIMITS,
      warn: (text) => error(`store: ${printable(text)}`),
    });
    await using there = await openInspector(toUrl);
    const onSession = () => shown.step();
    await copyServer({ namespace, from, to, there, onSession }, counts);
  }
  return reportOf(counts);
}

function reportOf(counts: CopyCounts): Report {
  const { copied, replaced, same, kept, others, failures } = counts;
  const rest = failures.length - MOST_FAILURES;
  return {
    json: counts,
    shown: [
      `Copied ${sessionsOf(copied)}.`,
      ...told(replaced, "had changed, and was replaced.", "had changed, and were replaced."),
      ...told(same, "was there already.", "were there already."),
      ...told(kept, "was used there since, and stays so.", "were used there since, and stay so."),
      ...told(others, "is there alone.", "are there alone."),
      ...failures.length === 0 ? [] : [
        `${sessionsOf(failures.length)} could not be copied:`,
        [
          ["SESSION", "WHY"],
          ...failures.slice(0, MOST_FAILURES).map((each) => [
            each.session,
            each.why,
          ]),
        ],
        ...rest > 0 ? [`and ${countOf(rest, "other")}`] : [],
      ],
    ],
    ...(failures.length > 0 && { failed: true }),
  };
}

function told(n: number, one: string, many: string): string[] {
  return n === 0 ? [] : [`${sessionsOf(n)} ${n === 1 ? one : many}`];
}

/** Shows on a terminal how far a copy is. */
class Progress implements Disposable {
  readonly #total: number;
  readonly #write: ((text: string) => void) | undefined;
  #done = 0;
  #shownAt = -Infinity;

  constructor(total: number, write: ((text: string) => void) | undefined) {
    this.#total = total;
    this.#write = write;
  }

  step() {
    this.#done++;
    const now = performance.now();
    if (this.#write === undefined || now - this.#shownAt < PROGRESS_MS) return;
    this.#shownAt = now;
    const done = `${numberText(this.#done)} of ${numberText(this.#total)}`;
    this.#write(`\r${done} sessions`);
  }

  [Symbol.dispose]() {
    if (this.#shownAt > -Infinity) this.#write?.("\r\x1b[K");
  }
}
