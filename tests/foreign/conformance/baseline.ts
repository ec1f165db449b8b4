/**
 * Expected failures of the conformance suite: `scenario:check` and the reason. Any other failure fails
 * the tests, and so does an entry that passes.
 *
 * The suite's own list (`--expected-failures`) keeps no reasons, and passes an entry whose check has not
 * run and a scenario that has checked nothing.
 */

const ASKS_THE_CLIENT =
  "The tool asks the client for something, and a stateless server has no connection to do that " +
  "with: the call is answered with an error that names --stateful.";

const NO_TRANSPORT_SESSION =
  "A stateless server gives no Mcp-Session-Id, and the scenario is about it ";

const NO_EVENT_STORE =
  "The SDK's transport keeps what it has sent, to send it again to a client that comes back, only " +
  "when it is given an event store. Here it has none, with the layer or without.";

const STATEFUL = {
  "server-sse-polling:server-sse-priming-event": NO_EVENT_STORE,
  "server-sse-polling:server-sse-retry-field": NO_EVENT_STORE,
};

/** Expected failures, with their reasons. */
export type Baseline = Readonly<Record<string, string>>;

/** Expected failures of the legacy era, by the way of serving the fixture. */
export const LEGACY_BASELINE = {
  stateless: {
    "tools-call-sampling:tools-call-sampling": ASKS_THE_CLIENT,
    "tools-call-elicitation:tools-call-elicitation": ASKS_THE_CLIENT,
    "elicitation-sep1034-defaults:elicitation-sep1034-general": ASKS_THE_CLIENT,
    "elicitation-sep1330-enums:elicitation-sep1330-general": ASKS_THE_CLIENT,
    "server-session-lifecycle:nothing-checked": NO_TRANSPORT_SESSION + "being ended.",
    "server-sse-multiple-streams:server-sse-multiple-streams-session": NO_TRANSPORT_SESSION +
      "carrying several streams: it gives up before it asks for one.",
    "server-sse-polling:server-sse-polling-session": NO_TRANSPORT_SESSION +
      "outliving a stream. The tool's answer is one JSON text, so there is no stream to resume.",
  },
  stateful: STATEFUL,
  plain: STATEFUL,
} satisfies Readonly<Record<string, Baseline>>;

/** Expected failures of the modern era, however the fixture is served. */
export const MODERN_BASELINE: Baseline = {};
