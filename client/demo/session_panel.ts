/**
 * The session of a client as people see it, and what changed in it since it was last shown.
 *
 * @module
 */

import type { HeldCookie } from "../../protocol/cookie.ts";
import { shortId } from "../../runtime/redaction.ts";
import type { SessionCapability } from "../session/capability.ts";
import type { DemoClient } from "./demo_client.ts";

const UNITS = [["days", 86_400_000], ["hours", 3_600_000], ["minutes", 60_000]] as const;

export type SessionView = Pick<DemoClient, "profile" | "capability" | "cookie">;

export class SessionPanel {
  #offer: string | undefined;
  readonly #cookies = new Map<string, HeldCookie | undefined>();

  /** Forgets the clients of the run before. */
  reset(): void {
    this.#cookies.clear();
  }

  /** Only the rows that changed since this client was last shown. */
  changes({ profile, cookie, capability }: SessionView): string[] {
    const rows: string[] = [];
    const offer = offerOf(capability);
    if (offer !== this.#offer) rows.push(`capability ${offer}`);
    const isShown = this.#cookies.has(profile);
    const before = this.#cookies.get(profile);
    if (!isShown || before?.id !== cookie?.id) {
      rows.push(`session ${cookie === undefined ? "none" : summaryOf(cookie)}`);
    } else if (before?.expiry !== cookie?.expiry) {
      rows.push(`expiry ${movedBy(before?.expiry, cookie?.expiry)}`);
    }
    this.#offer = offer;
    this.#cookies.set(profile, cookie);
    return rows;
  }
}

/** All rows, with the whole cookie. */
export function fullPanel({ capability, cookie }: SessionView): string[] {
  const rows = [
    ["capability", offerOf(capability)],
    ...cookie === undefined ? [["session", "none"]] : [
      ["session", cookie.id],
      ["title", cookie.data?.title ?? "none"],
      ["expiry", cookie.expiry ?? "none"],
      ["cookie", JSON.stringify(cookie)],
    ],
  ];
  return rows.map(([label = "", value]) => `${label.padEnd(10)} ${value}`);
}

function offerOf(capability: SessionCapability | undefined): string {
  if (capability === undefined) return "none";
  return `session v${capability.version ?? 2}: ${capability.features.join(", ") || "no features"}`;
}

function summaryOf({ id, expiry, data }: HeldCookie): string {
  const title = data?.title === undefined ? "" : ` (${data.title})`;
  const ms = Date.parse(expiry ?? "") - Date.now();
  const end = Number.isNaN(ms) ? `with expiry ${expiry ?? "none"}` : `expires in ${span(ms)}`;
  return `${shortId(id)}${title} ${end}`;
}

function movedBy(before: string | undefined, after: string | undefined): string {
  const ms = Date.parse(after ?? "") - Date.parse(before ?? "");
  return Number.isNaN(ms)
    ? `${before ?? "none"}, now ${after ?? "none"}`
    : `moved by ${seconds(ms)}`;
}

/** A lifetime in the largest unit that it has two of. */
function span(ms: number): string {
  const [unit, size] = UNITS.find(([, size]) => ms >= 2 * size) ?? ["s", 1_000];
  return `${Math.round(ms / size)} ${unit}`;
}

/** A duration to a tenth of a second. */
export function seconds(ms: number): string {
  return Math.abs(ms) < 50 ? "<0.1 s" : `${(ms / 1_000).toFixed(1)} s`;
}
