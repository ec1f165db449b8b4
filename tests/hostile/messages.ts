/** Valid messages with cookies of every kind, before their mutation. */

import type { Random } from "../support/random.ts";
import { INITIALIZE } from "../support/servers/server.ts";
import { handleCall } from "./handles.ts";
import { listenParams, modernRequest } from "./modern_messages.ts";

/** The knowledge of the attacker. */
export interface Aim {
  /** The ids of its own sessions. */
  readonly own: readonly string[];
  /** The id of the neighbour's session, which is never sent unchanged. */
  readonly other: string;
  /** Request ids of others, which the attacker must not be able to cancel. */
  readonly others: readonly (string | number)[];
  /** Whether the server takes handles. */
  readonly handles: boolean;
}

/** Tools of the policies fixture that end by themselves. */
const TOOLS = [
  "public",
  "members",
  "lazy",
  "lazy_unused",
  "append",
  "read",
  "count",
  "regenerate",
  "fork",
  "swallow",
  "fail",
  "circular",
  "write_and_revoke",
  "revoke_then_write",
  "replace_twice",
  "progress",
  "noisy",
];

const NO_TOOLS = ["", "__proto__", "constructor", "toString", "no such tool", "public\0", "Public"];

const METHODS = [
  "",
  "no/such/method",
  "session/nonsense",
  "sessions/create",
  "session/create ",
  "__proto__",
  "constructor",
  "rpc.discover",
  "tasks/list",
  "sampling/createMessage",
];

/** A value in place of a cookie. */
export function cookieValue(random: Random, { own, other }: Aim): unknown {
  const mine = random.pick(own);
  const madeUp = `sess-${random.hex(32)}`;
  const expiry = random.pick([undefined, null, 7, "", "soon", "9999-12-31T23:59:59Z", "+1e9"]);
  return random.pick<() => unknown>([
    () => ({ id: mine }),
    () => ({ id: mine, expiry, data: random.pick<unknown>([null, [], 7, { title: 7 }]) }),
    () => ({ id: mine, extra: "x".repeat(1000) }),
    () => null,
    () => ({}),
    () => ({ id: random.pick<unknown>(["", null, 7, true, [mine], { id: mine }, "sess-", "\0"]) }),
    () => ({ id: madeUp }),
    () => ({ id: `sess-${"0".repeat(32)}` }),
    () => ({ id: mine.toUpperCase() }),
    () => ({ id: ` ${mine}\n` }),
    () => ({ id: other.slice(0, 5 + random.below(32)) }),
    () => ({ id: other.toUpperCase() }),
    () => ({ id: [...other].reverse().join("") }),
    () => ({ id: { [other.slice(0, -1)]: true } }),
    () => ({ id: "../".repeat(20) + other.slice(0, 20) }),
    () => ({ id: "x".repeat(100_000) }),
    () => ({ id: "sess-é\u2028\ud83e" }),
    () => ({ ["__proto__"]: { id: mine } }),
    () => random.pick<unknown>([mine, 7, true, [], [mine], "", madeUp]),
  ])();
}

/** A valid message of either era, but for its cookie and envelope. */
export function message(random: Random, aim: Aim, id: string | number): Record<string, unknown> {
  const valid = legacyMessage(random, aim, id);
  const isRequest = "method" in valid && "id" in valid;
  if (!isRequest || random.chance(0.6)) return valid;
  return modernRequest(random, valid, () => cookieValue(random, aim));
}

function legacyMessage(random: Random, aim: Aim, id: string | number): Record<string, unknown> {
  // Beside a cookie, most handles are refused.
  const bare = random.chance(aim.handles ? 0.7 : 0.3);
  const meta = bare ? {} : { _meta: { "mcp/session": cookieValue(random, aim) } };
  const request = (method: string, params: object) => {
    return { jsonrpc: "2.0", id, method, params: { ...params, ...meta } };
  };
  const notification = (method: string, params: object) => {
    return { jsonrpc: "2.0", method, params: { ...params, ...meta } };
  };
  const text = random.pick(["", "text", "\0", "__proto__", "\u2028", "é".repeat(500), "🦕"]);
  const call = () => {
    const name = random.chance(0.1) ? random.pick(NO_TOOLS) : random.pick(TOOLS);
    const params = aim.handles && random.chance(0.8)
      ? handleCall(random, aim, { name, text })
      : { name, arguments: { text } };
    return request("tools/call", params);
  };
  const hints = { label: text, data: { title: text, reason: "mine", [text]: text } };
  return random.pick<() => Record<string, unknown>>([
    call,
    call,
    call,
    call,
    call,
    () => request("ping", {}),
    () => request("initialize", INITIALIZE),
    () => request("tools/list", {}),
    () => request("resources/list", {}),
    () => request("resources/read", { uri: random.pick(["session://current", text, "x://y"]) }),
    () => request("server/discover", {}),
    () => request("subscriptions/listen", listenParams(random)),
    () => request("logging/setLevel", { level: random.pick(["debug", "loud"]) }),
    () => request("completion/complete", { ref: {}, argument: {} }),
    () => request("session/create", { hints }),
    () => request("session/create", {}),
    () =>
      request("session/list", {
        cursor: random.pick([text, "f".repeat(32), aim.other.slice(5, 36)]),
      }),
    () => request("session/list", {}),
    // A wrong id, so that the attacker keeps its own sessions.
    () => request("session/delete", { id: random.pick([text, aim.other.slice(0, -1), "sess-"]) }),
    () => request(random.pick(METHODS), {}),
    () => notification("notifications/initialized", {}),
    () => notification("notifications/cancelled", { requestId: random.pick(aim.others) }),
    () => notification("notifications/progress", { progressToken: id, progress: 1 }),
    () => notification("notifications/roots/list_changed", {}),
    () => notification(random.pick(METHODS), {}),
    () => ({ jsonrpc: "2.0", id, result: { roots: [] } }),
    () => ({ jsonrpc: "2.0", id, error: { code: -1, message: text } }),
  ])();
}
