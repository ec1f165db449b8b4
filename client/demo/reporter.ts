/**
 * Reporter of the demo: headings, checked steps, failures, a progress line, the verdict.
 *
 * @module
 */

import { styleText } from "node:util";
import { shortId } from "../../runtime/redaction.ts";
import { printable } from "../../runtime/terminal/terminal_text.ts";
import type { DemoServer } from "./demo_server.ts";
import { fullPanel, seconds, SessionPanel, type SessionView } from "./session_panel.ts";
import { type RunResult, type Style, summaryTable } from "./summary_table.ts";

const INTRO = [
  "MCP sessions: a server keeps state for a client across calls, connections and",
  "restarts. A cookie names the session; the client sends it with each request.",
  "Five proofs with real clients and server processes. Each ✓ is a check that held.",
];
const HINT = "--verbose shows each cookie and command, --help how to run a part.";

export interface ReporterOptions {
  readonly line: (text: string) => void;
  readonly color: boolean;
  /** The terminal that shows the progress line; `undefined` where there is none. */
  readonly terminal: { write: (text: string) => void; columns: () => number } | undefined;
  /** Whether each step shows the whole session, and each server its whole command. */
  readonly verbose: boolean;
}

type ServerView = Pick<DemoServer, "name" | "command" | "stderr">;

export interface Check {
  readonly holds: boolean;
  readonly expected: string;
  readonly came: unknown;
}

/** A step of a proof that does not hold. The reporter has shown it. */
export class ProofFailed extends Error {
  override readonly name = "ProofFailed";
}

export class Reporter {
  readonly #options: ReporterOptions;
  readonly #panel = new SessionPanel();
  readonly #failures: string[][] = [];
  #claim = "";
  #over = "";
  #from = "";
  /** The run's server, once it is started or reached. */
  #server: ServerView | undefined;
  #doing = "";
  /** Whether the progress line stands there; nothing else is ever erased. */
  #isDrawn = false;
  notRunCount = 0;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /** Shortens an id, unless verbose. */
  id(id: string): string {
    return this.#options.verbose ? id : shortId(id);
  }

  intro(): void {
    this.#show(...INTRO);
  }

  claim(title: string, why: string): void {
    this.#claim = title;
    this.#show("", this.#paint("bold", title), `   ${this.#paint("dim", `Why: ${why}`)}`);
  }

  /** Begins a run. Its heading waits for the server, which it names. */
  run(over: string, server: string): void {
    this.#over = over;
    this.#from = `${server} over ${over}`;
    this.#server = undefined;
    this.#panel.reset();
  }

  server(server: ServerView): void {
    const shown = this.#options.verbose ? server.command : server.name;
    if (this.#server === undefined) this.#heading(shown);
    else this.#show(`    ${this.#paint("dim", `· next server: ${printable(shown)}`)}`);
    this.#server = server;
  }

  /** Tells on a terminal what the demo waits for. The next line erases it. */
  progress(doing: string): void {
    this.#doing = doing;
    this.#draw(`  over ${this.#over}: ${doing} ...`);
  }

  clearProgress(): void {
    this.#draw("");
  }

  /** Shows the changes in a client's session, or all of it if verbose. */
  session(client: SessionView): void {
    const rows = this.#options.verbose ? fullPanel(client) : this.#panel.changes(client);
    this.#show(...rows.map((row) => `      ${this.#paint("cyan", `│ ${printable(row)}`)}`));
  }

  /** @throws {ProofFailed} If the step does not hold. */
  step(client: SessionView, text: string, check: Check): void {
    if (check.holds) this.#show(`    ${this.#paint("green", "✓")} ${printable(text)}`);
    else this.#failure(text, check.expected, check.came);
    this.session(client);
    if (!check.holds) throw new ProofFailed(text);
  }

  /** Tells of a part that cannot be run here, and why. */
  notRun(text: string): void {
    if (this.#server === undefined) this.#heading();
    this.notRunCount++;
    this.#show(`    ${this.#paint("yellow", "–")} ${printable(text)}`);
  }

  /** Shows an error that ended a run between its steps. */
  error(message: string): void {
    this.#failure(this.#doing, "success", message);
  }

  /** Shows the table, the verdict, and every failure once more, so that none scrolls away. */
  summary(results: readonly RunResult[]): void {
    this.#show("", ...summaryTable(results, (style, text) => this.#paint(style, text)), "");
    const count = (what: string) => results.filter(({ outcome }) => outcome === what).length;
    const failed = count("failed");
    const held = results.length - failed - count("not run");
    const ms = results.reduce((sum, { ms }) => sum + ms, 0);
    const verdict = [
      this.#paint(failed > 0 ? "red" : "green", `Failed: ${failed || "none"}.`),
      `Held: ${held} of ${results.length} runs, in ${seconds(ms)}.`,
      ...this.notRunCount > 0 ? [`Not run: ${this.notRunCount}, each marked – above.`] : [],
    ];
    this.#show(verdict.join(" "), ...this.#failures.flat());
    if (failed === 0 && !this.#options.verbose) this.#show(this.#paint("dim", HINT));
  }

  #heading(server?: string): void {
    const how = server === undefined ? "" : `: ${printable(server)}`;
    this.#show(`  ${this.#paint("bold", `over ${this.#over}`)}${this.#paint("dim", how)}`);
  }

  #failure(text: string, expected: string, came: unknown): void {
    if (this.#server === undefined) this.#heading();
    const { command, stderr } = this.#server ?? {};
    const from = [this.#from, ...command === undefined ? [] : [command]].join(", ");
    const words = typeof came === "string" ? came : String(JSON.stringify(came));
    const details = { expected, came: words, from, stderr: stderr?.() ?? "" };
    const lines = [`    ${this.#paint("red", "✗")} ${printable(text)}`];
    for (const [label, value] of Object.entries(details)) {
      if (value === "") continue;
      const text = printable(value, "\n").trimEnd().replaceAll("\n", `\n${" ".repeat(16)}`);
      lines.push(`      ${this.#paint("red", `${label}:`.padEnd(9))} ${text}`);
    }
    this.#show(...lines);
    this.#failures.push(["", this.#paint("bold", this.#claim), ...lines]);
  }

  #show(...lines: readonly string[]): void {
    this.clearProgress();
    for (const line of lines) this.#options.line(line);
  }

  #draw(text: string): void {
    const { terminal } = this.#options;
    if (terminal === undefined || (text === "" && !this.#isDrawn)) return;
    this.#isDrawn = text !== "";
    const shown = this.#paint("dim", printable(text).slice(0, terminal.columns() - 1));
    terminal.write(`\r\x1b[2K${text === "" ? "" : shown}`);
  }

  #paint(style: Style, text: string): string {
    return this.#options.color ? styleText(style, text, { validateStream: false }) : text;
  }
}
