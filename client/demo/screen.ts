/**
 * What the demo shows: headings, checked steps, the session after each of them, a summary.
 *
 * @module
 */

import type { HeldCookie } from "../../protocol/cookie.ts";
import { printable } from "../../runtime/terminal_text.ts";
import type { SessionTransport } from "../with_session.ts";

const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

/** What became of a proof. */
export type Outcome = "holds" | "failed" | "not run";

/** A proof that does not hold. The screen has already shown why. */
export class ProofFailed extends Error {
  /** Makes an error that names the step. */
  constructor(step: string) {
    super(step);
    this.name = "ProofFailed";
  }
}

/** Writes to a terminal, in color if it has it and `NO_COLOR` is not set. */
export class Screen {
  readonly #color: boolean;
  readonly #write: (line: string) => void;
  #notRun = 0;

  /** Takes where the lines go. */
  constructor({ color, write }: { color: boolean; write: (line: string) => void }) {
    this.#color = color;
    this.#write = write;
  }

  /** The beginning of a proof, and how it is run. */
  heading(title: string, how: string): void {
    this.#write("");
    this.#write(this.#paint("bold", title));
    this.#write(this.#paint("dim", `  ${how}`));
  }

  /** What happens between two steps. */
  note(text: string): void {
    this.#write(`  ${this.#paint("cyan", "·")} ${printable(text)}`);
  }

  /** A step that was run and checked, and the session after it. Throws if it does not hold. */
  step(text: string, holds: boolean, transport: SessionTransport, seen?: unknown): void {
    const mark = holds ? this.#paint("green", "✓") : this.#paint("red", "✗");
    this.#write(`  ${mark} ${printable(text)}`);
    if (!holds) {
      const came = typeof seen === "string" ? seen : String(JSON.stringify(seen));
      this.#write(`    ${this.#paint("red", `but: ${printable(came)}`)}`);
    }
    this.#panel(transport);
    if (!holds) throw new ProofFailed(text);
  }

  /** Something that cannot be shown here, and why. */
  notRun(text: string): void {
    this.#notRun++;
    this.#write(`  ${this.#paint("yellow", "–")} ${printable(text)}`);
  }

  /** What went wrong beside the steps themselves. */
  failure(text: string): void {
    this.#write(`  ${this.#paint("red", "✗")} ${printable(text)}`);
  }

  /** One line for each run of a proof, and the verdict. */
  summary(rows: readonly { readonly name: string; readonly outcome: Outcome }[]): void {
    this.#write("");
    const color = { holds: "green", failed: "red", "not run": "yellow" } as const;
    for (const { name, outcome } of rows) {
      this.#write(`  ${this.#paint(color[outcome], outcome.padEnd(8))} ${name}`);
    }
    const count = (outcome: Outcome) => rows.filter((row) => row.outcome === outcome).length;
    const [holds, failed] = [count("holds"), count("failed")];
    this.#write("");
    this.#write([
      failed > 0
        ? this.#paint("red", `${failed} failed.`)
        : this.#paint("green", "Nothing failed."),
      `Of ${rows.length} runs, ${holds} hold.`,
      ...this.#notRun > 0 ? [`Not run, as said above: ${this.#notRun}.`] : [],
    ].join(" "));
  }

  #panel({ capability, cookie }: SessionTransport): void {
    const rows = [
      ["capability", capability ? `session v${capability.version ?? 2}` : "none"],
      ["features", capability?.features.join(", ") ?? "none"],
      ...cookie ? cookieRows(cookie) : [["session", "none is held"]],
    ];
    for (const [name, value] of rows) {
      const label = this.#paint("dim", `│ ${(name ?? "").padEnd(10)}`);
      this.#write(`    ${label} ${printable(value ?? "")}`);
    }
  }

  #paint(style: keyof typeof STYLES, text: string): string {
    return this.#color ? `\x1b[${STYLES[style]}m${text}\x1b[0m` : text;
  }
}

function cookieRows(cookie: HeldCookie): string[][] {
  return [
    ["session", cookie.id],
    ["title", cookie.data?.title ?? "none"],
    ["expiry", cookie.expiry ?? "none"],
    ["cookie", JSON.stringify(cookie)],
  ];
}
