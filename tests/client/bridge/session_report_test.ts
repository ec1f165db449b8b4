import { assertEquals, assertMatch } from "@std/assert";
import { sessionReport } from "../../../client/bridge/session_report.ts";
import type { SessionCapability } from "../../../client/session/capability.ts";

const ALL = { version: 2, features: ["create", "list", "delete"] } as const;
const LIST = { version: 2, features: ["list"] } as const;

const CASES: readonly [
  capability: SessionCapability | undefined,
  session: string | undefined,
  hasHandles: boolean,
  level: string,
  says: RegExp,
][] = [
  [ALL, undefined, true, "info", /handle.*conversation$/],
  [ALL, "notes", false, "info", /the name notes$/],
  [ALL, undefined, false, "warn", /^--per-process: .*ends with this process/],
  [LIST, undefined, true, "warn", /^srv makes no sessions .*--session NAME or --per-process/],
  [undefined, undefined, true, "warn", /^srv has no sessions .*for each conversation\. Put/],
  [undefined, "notes", false, "error", /^--session notes has no effect: srv has no sessions/],
];

Deno.test("sessionReport: says how calls find their session, or that none has one", () => {
  for (const [capability, session, hasHandles, level, says] of CASES) {
    const [said, line] = sessionReport(capability, "srv", session, hasHandles);
    assertEquals(said, level);
    assertMatch(line, says);
  }
});
