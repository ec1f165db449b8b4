import { assertEquals } from "@std/assert";
import { CallHistory, HISTORY_MINUTES, MINUTE_MS } from "../../../console/survey/call_history.ts";
import type { SurveyedSession } from "../../../console/survey/survey.ts";

const session = (namespace: string, stateId: string, toolCalls: number): SurveyedSession => ({
  namespace,
  stateId,
  title: "",
  owner: null,
  createdAt: undefined,
  expiresAt: 0,
  toolCalls,
  bytes: 0,
});

Deno.test("CallHistory: counts what was called between two surveys, by server", () => {
  const history = new CallHistory();
  history.add(0, [session("a", "1", 100), session("b", "1", 5), session("b", "2", 50)]);
  assertEquals(history.between(-MINUTE_MS, 0), 0);
  // One has ended, one is new, one has another's stateId.
  history.add(MINUTE_MS, [session("a", "1", 103), session("b", "1", 5), session("b", "3", 4)]);
  assertEquals(history.between(0, MINUTE_MS), 7);
  assertEquals(history.between(0, MINUTE_MS, "a"), 3);
  assertEquals(history.between(0, MINUTE_MS, "b"), 4);
  assertEquals(history.between(0, MINUTE_MS, "c"), 0);
});

Deno.test("CallHistory: spreads the calls of a long interval evenly", () => {
  const history = new CallHistory();
  history.add(0, [session("a", "1", 0)]);
  history.add(10 * MINUTE_MS, [session("a", "1", 50)]);
  assertEquals(history.between(9 * MINUTE_MS, 10 * MINUTE_MS), 5);
  assertEquals(history.between(-MINUTE_MS, 20 * MINUTE_MS), 50);
});

Deno.test("CallHistory: forgets what is older than it goes back", () => {
  const history = new CallHistory();
  for (let minute = 0; minute <= 100; minute++) {
    history.add(minute * MINUTE_MS, [session("a", "1", minute)]);
  }
  assertEquals(history.between(0, 100 * MINUTE_MS), HISTORY_MINUTES + 1);
  assertEquals(history.since, 0);
});
