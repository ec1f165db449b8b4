/**
 * The five claims and their proofs. Each step is run against a real server, checked and shown.
 *
 * @module
 */

import type { DemoClient } from "./demo_client.ts";
import type { ServerName } from "./demo_server.ts";
import type { ProofContext } from "./proof_context.ts";

export interface Claim {
  readonly title: string;
  readonly why: string;
  readonly server: ServerName;
  readonly proofs: readonly Proof[];
}

export interface Proof {
  /** The claim as far as this proof shows it. */
  readonly shows: string;
  /** For servers that the demo starts itself. @default over each plain transport */
  readonly over?: "stdio, then http" | "stateful http";
  /** Throws if a step does not hold. */
  readonly prove: (context: ProofContext) => Promise<void>;
}

export const CLAIMS: readonly Claim[] = [
  {
    title: "Enforcement: no tool runs without a session",
    why: "a tool can rely on a session; a call without one never gets to its code.",
    server: "session_required",
    proofs: [{ shows: "a call without a session is refused and never runs", prove: enforcement }],
  },
  {
    title: "Session-scoped state: two sessions, two notebooks",
    why: "one server serves many clients, and none sees what another has stored.",
    server: "notebook",
    proofs: [{ shows: "two clients of one server see only their own notes", prove: isolation }],
  },
  {
    title: "Persistence: the state is there in later calls and later connections",
    why: "a client that disconnects, for a second or a day, finds its work again.",
    server: "notebook",
    proofs: [{ shows: "a new connection finds the notes of the one before", prove: persistence }],
  },
  {
    title: "Reconnection and restart: a session outlives connection, process, transport",
    why: "a network fault, a crash or a deploy costs no client its work.",
    server: "hashcheck",
    proofs: [
      { shows: "a session outlives its connection and a kill -9", prove: restart },
      {
        shows: "a session made over stdio goes on over HTTP",
        over: "stdio, then http",
        prove: changeOfTransport,
      },
      {
        shows: "the transport's Mcp-Session-Id changes, the session stays",
        over: "stateful http",
        prove: changeOfTransportSession,
      },
    ],
  },
  {
    title: "The cookie's life: create, echo, update, revoke, re-establish, rotate",
    why: "servers renew, end and replace sessions, and the client follows unaided.",
    server: "session",
    proofs: [{
      shows: "the cookie tells the client each change of its session",
      prove: cookieLife,
    }],
  },
];

const DOCUMENT = { key: "document", text: "The text whose hash the session remembers." };
const CHANGED = { ...DOCUMENT, text: `${DOCUMENT.text}!` };

async function enforcement(context: ProofContext): Promise<void> {
  const client = await context.connect(await context.start());
  const cases = [
    ["without a cookie", null, "missing"],
    ["with a made-up id", { id: `sess-${"0".repeat(32)}` }, "unknown"],
  ] as const;
  for (const [how, cookie, expected] of cases) {
    const { isRefused, came, reason } = await client.refusal("whoami", cookie);
    const why = reason === undefined ? "" : `, session ${said(reason)}`;
    client.step(`whoami ${how} is refused: error -32002${why}`, {
      holds: isRefused && (reason === undefined || reason === expected),
      expected: `error -32002, session ${expected}`,
      came: `${came}${why}`,
    });
  }
  const who = await client.call("whoami");
  client.step("whoami with its cookie runs, in that session", {
    holds: who.session_id === client.cookie?.id,
    expected: `session_id ${client.cookie?.id}`,
    came: who,
  });
  client.step(`call count is ${said(who.tool_calls)}: the two refused calls never ran`, {
    holds: who.tool_calls === 1,
    expected: "tool_calls 1",
    came: who,
  });
}

async function isolation(context: ProofContext): Promise<void> {
  const server = await context.start();
  const anna = await context.connect(server, "anna");
  const ben = await context.connect(server, "ben");
  ben.step("two clients have two sessions", {
    holds: anna.cookie !== undefined && anna.cookie.id !== ben.cookie?.id,
    expected: "two ids that differ",
    came: [anna.cookie?.id, ben.cookie?.id],
  });
  for (const [client, text] of [[anna, "buy milk"], [ben, "call Anna"]] as const) {
    const number = said((await client.call("notebook_append", { text })).note_number);
    const { notes } = await client.call("notebook_read");
    client.step(`${client.profile} appends "${text}": note ${number}, and reads no other note`, {
      holds: JSON.stringify(textsOf(notes)) === JSON.stringify([text]),
      expected: `one note, "${text}"`,
      came: notes,
    });
  }
}

async function persistence(context: ProofContext): Promise<void> {
  const server = await context.start();
  const client = await context.connect(server);
  const id = client.cookie?.id;
  const texts = ["one", "two", "three"];
  for (const text of texts) await client.call("notebook_append", { text });
  const status = await client.call("notebook_status");
  client.step(`three calls append a note each; a fourth counts ${said(status.note_count)} notes`, {
    holds: status.note_count === 3 && status.tool_calls === 4,
    expected: "note_count 3, tool_calls 4",
    came: status,
  });
  await client[Symbol.asyncDispose]();
  const again = await context.connect(server);
  again.step("connection closed; a new connection resumes the session by its cookie", {
    holds: again.events.some((event) => event.type === "resumed" && event.verified) &&
      again.cookie?.id === id,
    expected: `session ${id} resumed, and the server asked for it`,
    came: again.events,
  });
  const { notes } = await again.call("notebook_read");
  again.step(`notes read over the new connection: ${textsOf(notes).join(", ")}`, {
    holds: JSON.stringify(textsOf(notes)) === JSON.stringify(texts),
    expected: `the notes ${texts.join(", ")}`,
    came: notes,
  });
}

async function restart(context: ProofContext): Promise<void> {
  const { reporter } = context;
  const server = await context.start();
  const client = await context.connect(server);
  const id = client.cookie?.id;
  await store(client);
  if (server.restart === undefined) {
    reporter.notRun("kill -9 and restart: not run, as this server is not the demo's to kill");
  } else {
    await context.restart(server);
    await verify(client, id, "kill -9 of the server; the next call verifies the text");
  }
  await client[Symbol.asyncDispose]();
  if (server.restart !== undefined) await context.restart(server);
  const again = await context.connect(server);
  const cut = server.restart === undefined ? "connection cut" : "connection cut, kill -9 once more";
  await verify(again, id, `${cut}; new connection, same cookie`);
  const changed = await again.call("hashcheck_verify", CHANGED);
  again.step(`control, a text that was changed: ${verdict(changed)}`, {
    holds: changed.found === true && changed.match === false,
    expected: "MISMATCH",
    came: changed,
  });
}

async function changeOfTransport(context: ProofContext): Promise<void> {
  const overStdio = await context.connect(await context.start({ transport: "stdio" }));
  const id = overStdio.cookie?.id;
  await store(overStdio);
  await overStdio[Symbol.asyncDispose]();
  const overHttp = await context.connect(await context.start({ transport: "http" }));
  await verify(overHttp, id, "stdio server ended; over HTTP with the same cookie");
}

async function store(client: DemoClient): Promise<void> {
  const { hash } = await client.call("hashcheck_store", DOCUMENT);
  client.step(stored(hash), { holds: hash !== undefined, expected: "a hash", came: hash });
}

/** Shows that the text that was stored matches, in session `id`. */
async function verify(client: DemoClient, id: string | undefined, how: string): Promise<void> {
  const verified = await client.call("hashcheck_verify", DOCUMENT);
  client.step(`${how}: ${verdict(verified)}`, {
    holds: verified.match === true && client.cookie?.id === id,
    expected: `MATCH, in session ${id}`,
    came: { ...verified, session: client.cookie?.id },
  });
}

async function changeOfTransportSession(context: ProofContext): Promise<void> {
  const { reporter } = context;
  const server = await context.start({ transport: "http", flags: ["--stateful"] });
  const client = await context.connect(server);
  const ids = () => ({ transport: client.transport.sessionId, session: client.cookie?.id });
  const before = ids();
  const { hash } = await client.call("hashcheck_store", DOCUMENT);
  client.step(`${stored(hash)}; Mcp-Session-Id ${reporter.id(said(before.transport))}`, {
    holds: before.transport !== undefined && before.transport !== before.session,
    expected: "an Mcp-Session-Id that is not the session's id",
    came: before,
  });
  await context.restart(server);
  const verified = await client.call("hashcheck_verify", DOCUMENT);
  const after = ids();
  const now = `Mcp-Session-Id ${reporter.id(said(after.transport))}`;
  client.step(`kill -9; ${now}, the session is the same: ${verdict(verified)}`, {
    holds: verified.match === true && after.session === before.session &&
      after.transport !== undefined && after.transport !== before.transport,
    expected: "another Mcp-Session-Id, the same session, MATCH",
    came: { before, after, verified },
  });
}

async function cookieLife(context: ProofContext): Promise<void> {
  const { reporter } = context;
  const server = await context.start({ flags: ["--ttl", "10s"] });
  const client = await context.connect(server);
  const created = client.cookie;
  client.step("create: session/create made the session as the client connected", {
    holds: created !== undefined && client.events.at(-1)?.type === "created",
    expected: "a cookie, and the event created",
    came: client.events,
  });
  const echoed = await client.call("session_probe");
  const call = said(echoed.calls);
  client.step(`echo: the call carried the cookie; it is call ${call} of the session`, {
    holds: Object(echoed.session).id === created?.id && echoed.calls === 1,
    expected: `session ${created?.id}, calls 1`,
    came: echoed,
  });
  if (server.restart === undefined) {
    reporter.notRun("update: not run, as the expiry moves only after a tenth of the lifetime");
  } else {
    reporter.progress("1.1 s, so that the expiry is due to move");
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await client.call("session_probe");
    const [before, after] = [created, client.cookie].map((held) => Date.parse(held?.expiry ?? ""));
    client.step("update: a call after a tenth of the lifetime moves the expiry", {
      holds: client.cookie?.id === created?.id && Number(after) > Number(before),
      expected: "the same id, a later expiry",
      came: { before: created, after: client.cookie },
    });
  }
  await client.call("session_probe", { action: "revoke" });
  client.step("revoke: the result's cookie is null, and the client holds none", {
    holds: client.cookie === undefined,
    expected: "no cookie",
    came: client.cookie,
  });
  const fresh = await client.call("session_probe");
  const established = client.cookie;
  client.step(`re-establish: the next call is call ${said(fresh.calls)} of a new session`, {
    holds: established !== undefined && established.id !== created?.id && fresh.calls === 1,
    expected: "another session, calls 1",
    came: fresh,
  });
  const rotated = await client.call("session_probe", { action: "new" });
  client.step("rotate: the session goes on under a new id", {
    holds: client.cookie !== undefined && client.cookie.id !== established?.id &&
      Object(rotated.session).id === client.cookie.id && rotated.calls === 1,
    expected: `an id other than ${established?.id}, in the cookie and in the result, calls 1`,
    came: rotated,
  });
  const stale = await client.call("session_probe", {}, established);
  client.step("old id: a call that presents it is given another session", {
    holds: Object(stale.session).id !== established?.id &&
      Object(stale.session).id !== client.cookie?.id,
    expected: `neither session ${established?.id} nor session ${client.cookie?.id}`,
    came: stale,
  });
}

function stored(hash: unknown): string {
  return `sha256 of a text stored: ${said(hash).slice(0, 16)}`;
}

function textsOf(notes: unknown): string[] {
  return Array.isArray(notes) ? notes.map((note) => said(Object(note).text)) : [];
}

function verdict({ found, match }: Record<string, unknown>): string {
  if (found !== true) return "the key is not found";
  return match === true ? "MATCH" : "MISMATCH";
}

/** A server's word, where a text or a number was to come. */
function said(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? "nothing";
}
