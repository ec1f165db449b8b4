/** Calls with a handle as their session, and calls of the tools for handles. */

import type { Random } from "../support/random.ts";
import type { Aim } from "./messages.ts";

/** Names similar to those of the tools for handles. */
const NO_TOOLS = ["session_create ", "Session_End", "session_end\0", "session_list/../session_end"];

/** A value in place of a handle. */
function handleValue(random: Random, { own, other }: Aim): unknown {
  if (random.chance(0.4)) return random.pick(own);
  return wrongHandle(random, { own, other });
}

/** A value that names no session, so that attacker and neighbour keep theirs. */
function wrongHandle(random: Random, { own, other }: Pick<Aim, "own" | "other">): unknown {
  const mine = random.pick(own);
  return random.pick<() => unknown>([
    () => null,
    () => random.pick<unknown>(["", 7, -0, true, [], {}, "sess-", "__proto__", "\0", "\u2028"]),
    () => [mine],
    () => ({ id: mine }),
    () => ({ ["__proto__"]: mine, constructor: mine }),
    () => `sess-${random.hex(32)}`,
    () => mine.toUpperCase(),
    () => ` ${mine}\n`,
    () => other.slice(0, 5 + random.below(32)),
    () => other.toUpperCase(),
    () => `${other.slice(0, -1)}\u0000`,
    () => [...other].reverse().join(""),
    () => "../".repeat(20) + other.slice(0, 20),
    () => "x".repeat(100_000),
    () => "sess-é\u2028\ud83e",
  ])();
}

/** The params of a hostile call, without `_meta`; `name` is one of the server's own tools. */
export function handleCall(
  random: Random,
  aim: Aim,
  { name, text }: { readonly name: string; readonly text: string },
): { name: string; arguments: unknown } {
  const session = handleValue(random, aim);
  const call = (name: string, arguments_: unknown) => ({ name, arguments: arguments_ });
  return random.pick<() => { name: string; arguments: unknown }>([
    () => call(name, { text, session }),
    () => call(name, { text, session }),
    () => call(name, { text, session, Session: session, session_id: aim.other.slice(0, -1) }),
    () => call(name, session),
    () => call("session_create", { title: random.pick<unknown>([text, session, 7, {}, []]) }),
    () => call("session_create", random.pick<unknown>([undefined, null, [], text, { session }])),
    () => call("session_list", random.pick<unknown>([undefined, null, { session }, { text }])),
    () => call("session_end", { session: wrongHandle(random, aim), text }),
    () => call("session_end", random.pick<unknown>([undefined, null, {}, [session], text])),
    () => call(random.pick(NO_TOOLS), { session: wrongHandle(random, aim) }),
  ])();
}
