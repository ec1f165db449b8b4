/** Session ids that lead nowhere: who presents them one after the other keeps nobody else waiting. */

import { assert, assertEquals } from "@std/assert";
import {
  type AuthInfo,
  type SessionEvent,
  sessionLayer,
  StatelessHttpTransport,
} from "../../../servers/base/mod.ts";
import { MemoryStore } from "../../../store/mod.ts";
import { hashOf } from "../../support/servers/audit_lines.ts";
import { Caller, newServerWith, principal } from "../../support/servers/in_process.ts";
import { callRequest, HEADERS, type Reply } from "../../support/servers/server.ts";
import { presenting } from "../../support/servers/wire.ts";

const deadId = (number: number) => `sess-${number.toString(16).padStart(32, "0")}`;

/** A store that can be made to wait with what it is asked of sessions that are not there. */
class SlowStore extends MemoryStore {
  running = 0;
  gate: PromiseWithResolvers<void> | undefined;
  /** Called when one more lookup waits. */
  onwait = () => {};

  override get: MemoryStore["get"] = async (by) => {
    const found = await super.get(by);
    if (found !== undefined || this.gate === undefined) return found;
    this.running++;
    this.onwait();
    await this.gate.promise;
    this.running--;
    return undefined;
  };
}

async function connected() {
  const store = new SlowStore();
  const events: SessionEvent[] = [];
  const warnings: string[] = [];
  const caller = await Caller.connect(newServerWith("tool"), {
    store,
    local: false,
    handles: "never",
    policy: "required",
    observer: { session: (event) => void events.push(event) },
    advise: (level, message) => void (level === "warn" && warnings.push(message)),
  });
  const as = (authInfo: AuthInfo | undefined, method: string, params: object): Promise<Reply> => {
    caller.authInfo = authInfo;
    return caller.ask(method, params);
  };
  const present = (authInfo: AuthInfo, id: string) =>
    as(authInfo, "tools/call", { name: "tool", ...presenting({ id }) });
  return {
    store,
    events,
    warnings,
    as,
    present,
    [Symbol.asyncDispose]: () => caller[Symbol.asyncDispose](),
  };
}

const outcome = ({ result, error }: Reply) =>
  result ? "ok" : error?.data?.reason ?? error?.data?.code;
const counted = (outcomes: unknown[]) =>
  Object.fromEntries(
    Map.groupBy(outcomes, String).entries().map(([key, all]) => [key, all.length]),
  );

const [alice, bob] = [principal("alice"), principal("bob")];

Deno.test("session layer: whoever has presented a hundred dead ids is looked up four at a time, and nobody else", async () => {
  await using it = await connected();
  const { result: own } = await it.as(bob, "session/create", {});
  const { result: hers } = await it.as(alice, "session/create", {});
  for (let number = 0; number < 150; number++) {
    assertEquals(outcome(await it.present(bob, deadId(number))), "unknown");
  }
  assertEquals(it.warnings.length, 1);
  assertEquals(
    it.warnings[0]?.includes("100 session ids that lead to no session have come from"),
    true,
  );

  it.store.gate = Promise.withResolvers();
  const four = new Promise<void>((resolve) => {
    it.store.onwait = () => void (it.store.running === 4 && resolve());
  });
  const guesses = Array.from({ length: 40 }, (_, at) => it.present(bob, deadId(1000 + at)));
  await four;
  // Those for whom there is no place are refused at once.
  const refused = await Promise.all(guesses.slice(16));
  assertEquals(counted(refused.map(outcome)), { braked: 24 });
  assertEquals(refused[0]?.error?.code, -32603);
  assertEquals(it.store.running, 4);
  assertEquals(outcome(await it.present(alice, hers?.id ?? "")), "ok");
  assertEquals(
    outcome(await it.present(bob, own?.id ?? "")),
    "ok",
    "an id that is known to be live",
  );
  const dead = it.present(alice, deadId(5000));
  it.store.gate.resolve();
  assertEquals(outcome(await dead), "unknown");
  assertEquals(counted((await Promise.all(guesses.slice(0, 16))).map(outcome)), { unknown: 16 });

  const told = it.events.filter(({ kind, owner }) => kind === "denied" && owner?.includes("bob"));
  assertEquals(told.map(({ count }) => count), Array.from({ length: 100 }, (_, at) => at + 1));
});

Deno.test("session layer: a client that presents the same dead id again and again has guessed nothing", async () => {
  await using it = await connected();
  for (let round = 0; round < 300; round++) {
    assertEquals(outcome(await it.present(bob, deadId(round % 3))), "unknown");
  }
  it.store.gate = Promise.withResolvers();
  const all = new Promise<void>((resolve) => {
    it.store.onwait = () => void (it.store.running === 40 && resolve());
  });
  const calls = Array.from({ length: 40 }, () => it.present(bob, deadId(1)));
  await all;
  it.store.gate.resolve();
  assertEquals(counted((await Promise.all(calls)).map(outcome)), { unknown: 40 });
  const told = it.events.filter(({ kind }) => kind === "denied");
  assertEquals([told.length, it.warnings], [3, []], "it is told once for each id");
});

Deno.test("session layer: of a caller's guesses past a hundred, each doubling is told", async () => {
  await using it = await connected();
  for (let number = 0; number < 900; number++) await it.present(bob, deadId(number));
  await it.as(bob, "session/delete", { id: deadId(1234) });
  const told = it.events.filter(({ kind }) => kind === "denied").map(({ count }) => count);
  assertEquals(told.slice(99), [100, 200, 400, 800]);
});

Deno.test("session layer: ten minutes after the last of any number of guesses nobody is braked", async () => {
  await using it = await connected();
  for (let number = 0; number < 2000; number++) await it.present(bob, deadId(number));
  const present = (first: number) =>
    Promise.all(Array.from({ length: 40 }, (_, at) => it.present(bob, deadId(first + at))));
  assertEquals(counted((await present(3000)).map(outcome)), { unknown: 16, braked: 24 });
  const { now } = performance;
  performance.now = () => now.call(performance) + 10 * 60 * 1000;
  try {
    assertEquals(counted((await present(4000)).map(outcome)), { unknown: 40 });
  } finally {
    performance.now = now;
  }
});

/** Holds the clock that forgives, so that what counts is the number of guesses alone. */
function heldClock(): Disposable {
  const { now } = performance;
  const at = now.call(performance);
  performance.now = () => at;
  return { [Symbol.dispose]: () => void (performance.now = now) };
}

/** A server for callers without tokens, who are told apart by address. */
async function anonymousServer() {
  const store = new SlowStore();
  const server = newServerWith("tool");
  const transport = new StatelessHttpTransport();
  await server.connect(sessionLayer(transport, { store }));
  let lastId = 0;
  const present = async (address: string) => {
    const cookie = { id: deadId(++lastId) };
    const body = callRequest("tool", {}, 1, { "mcp/session": cookie });
    const init = { method: "POST", headers: HEADERS, body };
    const response = await transport.fetch(new Request("http://x/", init), undefined, address);
    await response.text();
    return [response.status, response.headers.get("retry-after")];
  };
  return { store, present, [Symbol.asyncDispose]: () => server.close() };
}

Deno.test("StatelessHttpTransport: a braked lookup is 503 with Retry-After, by address for anonymous callers", async () => {
  await using it = await anonymousServer();
  const [guesser, sibling, other] = ["2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"] as const;
  for (let number = 0; number < 150; number++) await it.present(guesser);
  it.store.gate = Promise.withResolvers();
  const waiting = Array.from({ length: 16 }, () => it.present(guesser));
  assertEquals(await it.present(sibling), [503, "1"], "of the same network");
  const waited = new Promise<void>((resolve) => it.store.onwait = resolve);
  const free = it.present(other);
  await waited;
  it.store.gate.resolve();
  assertEquals(await free, [200, null]);
  for (const response of waiting) assertEquals(await response, [200, null]);
});

const hex = (number: number) => number.toString(16);
/** Many callers of one network, and other ones that have nothing to do with it. */
const NETWORKS = {
  "a /32 of IPv6": {
    guesser: (at: number) => `2001:db8:${hex(at >> 8)}:${hex(at & 255)}::1`,
    other: (at: number) => `2001:${hex(0xdb9 + at)}::1`,
  },
  "a /16 of IPv4": {
    guesser: (at: number) => `198.51.${at >> 8}.${at & 255}`,
    other: (at: number) => `198.${52 + at}.100.1`,
  },
};
for (const [network, { guesser, other }] of Object.entries(NETWORKS)) {
  Deno.test(`StatelessHttpTransport: whoever guesses from all addresses of ${network} is braked, and other networks are not`, async () => {
    using _ = heldClock();
    await using it = await anonymousServer();
    for (let at = 0; at < 5000; at++) await it.present(guesser(at));
    it.store.gate = Promise.withResolvers();
    const waiting = Array.from({ length: 16 }, (_, at) => it.present(guesser(6000 + at)));
    assertEquals(await it.present(guesser(7000)), [503, "1"]);
    const others = Array.from({ length: 20 }, (_, at) => it.present(other(at)));
    // By chance one of them may count as of the same network.
    const most = new Promise<void>((resolve) => {
      it.store.onwait = () => void (it.store.running === 4 + 19 && resolve());
    });
    await Promise.race([most, Promise.all(others)]);
    it.store.gate.resolve();
    const statuses = (await Promise.all(others)).map(([status]) => status);
    assert(statuses.filter((status) => status === 200).length >= 19, statuses.join());
    for (const response of waiting) assertEquals(await response, [200, null]);
  });
}

Deno.test("session layer: guesses of very many principals brake no other one", async () => {
  using _ = heldClock();
  await using it = await connected();
  for (let at = 0; at < 20_000; at++) await it.present(principal(`guesser ${at}`), deadId(at));
  it.store.gate = Promise.withResolvers();
  const all = new Promise<void>((resolve) => {
    it.store.onwait = () => void (it.store.running === 40 && resolve());
  });
  const calls = Array.from({ length: 40 }, (_, at) => it.present(alice, deadId(30_000 + at)));
  await all;
  it.store.gate.resolve();
  assertEquals(counted((await Promise.all(calls)).map(outcome)), { unknown: 40 });
});

Deno.test("session layer: another's id is told of, however many guesses it comes among", async () => {
  await using it = await connected();
  const idOf = async (owner: AuthInfo) =>
    (await it.as(owner, "session/create", {})).result?.id ?? "";
  const thefts = () => it.events.filter(({ reason }) => reason === "foreign").map(({ id }) => id);
  const hers = await idOf(alice);
  for (let number = 0; number < 150; number++) await it.present(bob, deadId(number));
  // Sessions of an accomplice: the first hundred are told of, and then each doubling.
  const accomplice = principal("carol");
  for (let number = 0; number < 250; number++) await it.present(bob, await idOf(accomplice));
  assertEquals(thefts().length, 101);
  await it.present(bob, hers);
  for (let number = 0; number < 20; number++) await it.present(bob, deadId(1000 + number));
  await it.present(bob, hers);
  await it.present(principal("dave"), hers);
  assertEquals(thefts().slice(101), [hashOf(hers), hashOf(hers)], "once for each who has it");
});
