/**
 * Reporter of the demo: headings, checked steps, failures, a progress line, the verdict.
 *
 * @module
 */

import { styleText } from "node:util";
import { shortId } from "../../runtime/redaction.ts";
import { printable } from "../../runtime/terminal_text.ts";
import { fullPanel, seconds, SessionPanel, type SessionView } from "./session_panel.ts";
import { type RunResult, type Style, summaryTable } from "./summary_table.ts";

const INTRO = [
  "MCP sessions: a server keeps state for a client across calls, connections and",
  "restarts. A cookie names the session; the client sends it with each request.",
  "Five proofs with real clients and server processes. Each ✓ is a check that held.",
];
const HINT = "--verbose shows each cookie and command, --help how to run a part.";

/** Output of a reporter. */
export interface ReporterOptions {
  /** Writes a line. */
  readonly line: (text: string) => void;
  /** Whether lines are styled. */
  readonly color: boolean;
  /** The terminal that shows the progress line; `undefined` where there is none. */
  readonly terminal: Terminal | undefined;
  /** Whether each step shows the whole session, and each server its whole command. */
  readonly verbose: boolean;
}

/** A terminal whose last line is drawn over. */
export interface Terminal {
  /** Writes a text as it is. */
  readonly write: (text: string) => void;
  /** Its width now. */
  readonly columns: () => number;
}

/** A server, as far as it is shown. */
export interface ServerView {
  /** In short. */
  readonly name: string;
  /** In full. */
  readonly command: string;
  /** All that it has written to stderr. */
  readonly stderr: () => string;
}

/** The check of a step. */
export interface Check {
  /** Whether what came is what was expected. */
  readonly holds: boolean;
  /** The result that makes it hold. */
  readonly expected: string;
  /** The result. */
  readonly came: unknown;
}

/** A step of a proof that does not hold. The reporter has shown it. */
export class ProofFailed extends Error {
  override readonly name = "ProofFailed";
}

/** Reports the runs of the demo, one after the other. */
export class Reporter {
  readonly #options: ReporterOptions;
  readonly #panel = new SessionPanel();
  /** The lines of every failure. */
  readonly #failures: string[][] = [];
  #claim = "";
  #over = "";
  #from = "";
  /** The run's server, once it is started or reached. */
  #server: ServerView | undefined;
  #doing = "";
  /** Whether the progress line stands there; nothing else is ever erased. */
  #isDrawn = false;
  #notRun = 0;

  /** Takes its output. */
  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /** Count of parts that were not run, by now. */
  get notRunCount(): number {
    return this.#notRun;
  }

  /** Shortens an id, unless verbose. */
  id(id: string): string {
    return this.#options.verbose ? id : shortId(id);
  }

  /** Says what the demo is about. */
  intro(): void {
    for (const text of INTRO) this.#line(text);
  }

  /** Begins the proofs of a claim. */
  claim(title: string, why: string): void {
    this.#claim = title;
    this.#line("");
    this.#line(this.#paint("bold", this.#claim));
    this.#line(`   ${this.#paint("dim", `Why: ${why}`)}`);
  }

  /** Begins a run. Its heading waits for the server, which it names. */
  run(over: string, server: string): void {
    this.#over = over;
    this.#from = `${server} over ${over}`;
    this.#server = undefined;
    this.#panel.reset();
  }

  /** Tells of a server that was started or reached. */
  server(server: ServerView): void {
    const shown = this.#options.verbose ? server.command : server.name;
    if (this.#server === undefined) this.#heading(shown);
    else this.#line(`    ${this.#paint("dim", `· next server: ${printable(shown)}`)}`);
    this.#server = server;
  }

  /** Tells on a terminal what the demo waits for. The next line erases it. */
  progress(doing: string): void {
    this.#doing = doing;
    this.#draw(`  over ${this.#over}: ${doing} ...`);
  }

  /** Erases the progress line. */
  clearProgress(): void {
    this.#draw("");
  }

  /** Shows the changes in a client's session, or all of it if verbose. */
  session(client: SessionView): void {
    const rows = this.#options.verbose ? fullPanel(client) : this.#panel.changes(client);
    for (const row of rows) this.#line(`      ${this.#paint("cyan", `│ ${printable(row)}`)}`);
  }

  /**
   * Shows a step, and the changes that it made in the session.
   *
   * @throws {ProofFailed} If it does not hold.
   */
  step(client: SessionView, text: string, check: Check): void {
    if (check.holds) this.#line(`    ${this.#paint("green", "✓")} ${printable(text)}`);
    else this.#failure(text, check.expected, check.came);
    this.session(client);
    if (!check.holds) throw new ProofFailed(text);
  }

  /** Tells of a part that cannot be run here, and why. */
  notRun(text: string): void {
    if (this.#server === undefined) this.#heading();
    this.#notRun++;
    this.#line(`    ${this.#paint("yellow", "–")} ${printable(text)}`);
  }

  /** Shows an error that ended a run between its steps. */
  error(message: string): void {
    this.#failure(this.#doing, "success", message);
  }

  /** Shows the table, the verdict, and every failure once more, so that none scrolls away. */
  summary(results: readonly RunResult[]): void {
    this.#line("");
    for (const line of summaryTable(results, (style, text) => this.#paint(style, text))) {
      this.#line(line);
    }
    const failed = results.filter(({ outcome }) => outcome === "failed").length;
    const notRun = results.filter(({ outcome }) => outcome === "not run").length;
    const ms = results.reduce((sum, { ms }) => sum + ms, 0);
    this.#line("");
    const held = results.length - failed - notRun;
    this.#line([
      this.#paint(failed > 0 ? "red" : "green", `Failed: ${failed || "none"}.`),
      `Held: ${held} of ${results.length} runs, in ${seconds(ms)}.`,
      ...this.#notRun > 0 ? [`Not run: ${this.#notRun}, each marked – above.`] : [],
    ].join(" "));
    for (const line of this.#failures.flat()) this.#line(line);
    if (failed === 0 && !this.#options.verbose) this.#line(this.#paint("dim", HINT));
  }

  #heading(server?: string): void {
    const how = server === undefined ? "" : `: ${printable(server)}`;
    this.#line(`  ${this.#paint("bold", `over ${this.#over}`)}${this.#paint("dim", how)}`);
  }

  #failure(text: string, expected: string, came: unknown): void {
    if (this.#server === undefined) this.#heading();
    const { command, stderr } = this.#server ?? {};
    const from = [this.#from, ...command === undefined ? [] : [command]].join(", ");
    const details = { expected, came: wordsOf(came), from, stderr: stderr?.() ?? "" };
    const lines = [
      `    ${this.#paint("red", "✗")} ${printable(text)}`,
      ...Object.entries(details).filter(([, value]) => value !== "").map(([label, value]) =>
        `      ${this.#paint("red", `${label}:`.padEnd(9))} ${indented(value)}`
      ),
    ];
    for (const line of lines) this.#line(line);
    this.#failures.push(["", this.#paint("bold", this.#claim), ...lines]);
  }

  #line(text: string): void {
    this.clearProgress();
    this.#options.line(text);
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

function wordsOf(came: unknown): string {
  return typeof came === "string" ? came : String(JSON.stringify(came));
}

/** A text of several lines below its label. */
function indented(text: string): string {
  return printable(text, "\n").trimEnd().replaceAll("\n", `\n${" ".repeat(16)}`);
}
