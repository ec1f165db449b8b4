import { assertEquals } from "@std/assert";
import { wantsNotification } from "../../protocol/notification_filter.ts";

Deno.test("wantsNotification: log messages from the request's own level on, and all else", () => {
  const cases: [level: string | undefined, wanted: string | undefined, isWanted: boolean][] = [
    ["warning", "notice", true],
    ["notice", "notice", true],
    ["info", "notice", false],
    ["emergency", undefined, false],
    ["loud", "debug", false],
    [undefined, "debug", false],
  ];
  for (const [level, logLevel, isWanted] of cases) {
    const envelope = { clientCapabilities: {}, clientInfo: undefined, logLevel };
    const message = { method: "notifications/message", params: { level } };
    assertEquals(wantsNotification(message, envelope), isWanted, `${level} of ${logLevel}`);
    assertEquals(wantsNotification({ method: "notifications/progress" }, envelope), true);
  }
});
