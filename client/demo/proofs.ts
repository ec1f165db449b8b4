/**
 * The five claims and their proofs. Each step is run against a real server, checked and shown.
 *
 * @module
 */

import type { ServerName } from "./demo_server.ts";
import type { ProofContext, TransportName } from "./proof_context.ts";

/** A claim of the project, and its proofs. */
export interface Claim {
  /** Its name and what it says. */
  readonly title: string;
  /** Why it matters to people. */
  readonly why: string;
  /** In the order in which they are shown. */
  readonly proofs: readonly Proof[];
}

/** A proof of a claim. */
export interface Proof {
  /** The claim as far as this proof shows it. */
  readonly shows: string;
  /** The server that it talks to. */
  readonly server: ServerName;
  /** The transports of its runs. All but the plain ones take servers that the demo starts itself. */
  readonly over: readonly (TransportName | "stdio, then http" | "stateful http")[];
  /** Runs it. Throws if a step does not hold. */
  readonly prove: (context: ProofContext) => Promise<void>;
}

/** Every claim, in the order in which they are shown. */
export const CLAIMS: readonly Claim[] = [
  {
    title: "Enforcement: no tool runs without a session",
    why: "a tool can rely on a session; a call without one never gets to its code.",
    proofs: [{
      shows: "a call without a session is refused and never runs",
      server: "session_required",
      over: ["stdio", "http"],
      prove: enforcement,
    }],
  },
  {
    title: "Session-scoped state: two sessions, two notebooks",
    why: "one server serves many clients, and none sees what another has stored.",
    proofs: [{
      shows: "two clients of one server see only their own notes",
      server: "notebook",
      over: ["stdio", "http"],
      prove: isolation,
    }],
  },
  {
    title: "Persistence: the state is there in later calls and later connections",
    why: "a client that disconnects, for a second or a day, finds its work again.",
    proofs: [{
      shows: "a new connection finds the notes of the one before",
      server: "notebook",
      over: ["stdio", "http"],
      prove: persistence,
    }],
  },
  {
    title: "Reconnection and restart: a session outlives connection, process, transport",
    why: "a network fault, a crash or a deploy costs no client its work.",
    proofs: [
      {
        shows: "a session outlives its connection and a kill -9",
        server: "hashcheck",
        over: ["stdio", "http"],
        prove: restart,
      },
      {
        shows: "a session made over stdio goes on over HTTP",
        server: "hashcheck",
        over: ["stdio, then http"],
        prove: changeOfTransport,
      },
      {
        shows: "the transport's Mcp-Session-Id changes, the session stays",
        server: "hashcheck",
        over: ["stateful http"],
        prove: changeOfTransportSession,
      },
    ],
  },
  {
    title: "The cookie's life: create, echo, update, revoke, re-establish, rotate",
    why: "servers renew, end and replace sessions, and the client follows unaided.",
    proofs: [{
      shows: "the cookie tells the client each change of its session",
      server: "session",
      over: ["stdio", "http"],
      prove: cookieLife,
    }],
  },
];

const DOCUMENT = { key: "document", text: "The text whose hash the session remembers." };
const CHANGED = { ...DOCUMENT, text: `${DOCUMENT.text}!` };

async function enforcement(context: ProofContext): Promise<void> {
  const { reporter } = context;
  const client = await context.connect(await context.start());
  const cases = [
    ["without a cookie", null, "missing"],
    ["with a made-up id", { id: `sess-${"0".repeat(32)}` }, "unknown"],
  ] as const;
  for (const [how, cookie, expected] of cases) {
    const { isRefused, came, reason } = await client.refusal("whoami", cookie);
    const why = reason === undefined ? "" : `, session ${said(reason)}`;
    reporter.step(client, `whoami ${how} is refused: error -32002${why}`, {
      holds: isRefused && (reason === undefined || reason === expected),
      expected: `error -32002, session ${expected}`,
      came: `${came}${why}`,
    });
  }
  const who = await client.call("whoami");
  reporter.step(client, "whoami with its cookie runs, in that session", {
    holds: who.session_id === client.cookie?.id,
    expected: `session_id ${client.cookie?.id}`,
    came: who,
  });
  reporter.step(client, `call count is ${said(who.tool_calls)}: the two refused calls never ran`, {
    holds: who.tool_calls === 1,
    expected: "tool_calls 1",
    came: who,
  });
}

async function isolation(context: ProofContext): Promise<void> {
  const { reporter } = context;
  const server = await context.start();
  const anna = await context.connect(server, "anna");
  const ben = await context.connect(server, "ben");
  reporter.step(ben, "two clients have two sessions", {
    holds: anna.cookie !== undefined && anna.cookie.id !== ben.cookie?.id,
    expected: "two ids that differ",
    came: [anna.cookie?.id, ben.cookie?.id],
  });
  for (const [client, text] of [[anna, "buy milk"], [ben, "call Anna"]] as const) {
    const { note_number } = await client.call("notebook_append", { text });
    const { notes } = await client.call("notebook_read");
    reporter.step(
      client,
      `${client.profile} appends "${text}": note ${said(note_number)}, and reads no other note`,
      {
        holds: JSON.stringify(textsOf(notes)) === JSON.stringify([text]),
        expected: `one note, "${text}"`,
        came: notes,
      },
    );
  }
}

async function persistence(context: ProofContext): Promise<void> {
  const { reporter } = context;
  const server = await context.start();
  const client = await context.connect(server);
  const id = client.cookie?.id;
  const texts = ["one", "two", "three"];
  for (const text of texts) await client.call("notebook_append", { text });
  const status = await client.call("notebook_status");
  reporter.step(
    client,
    `three calls append a note each; a fourth counts ${said(status.note_count)} notes`,
    {
      holds: status.note_count === 3 && status.tool_calls === 4,
      expected: "note_count 3, tool_calls 4",
      came: status,
    },
  );
  await client[Symbol.asyncDispose]();
  const again = await context.connect(server);
  reporter.step(again, "connection closed; a new connection resumes the session by its cookie", {
    holds: again.events.some((event) => event.type === "resumed" && event.verified) &&
      again.cookie?.id === id,
    expected: `session ${id} resumed, and the server asked for it`,
    came: again.events,
  });
  const { notes } = await again.call("notebook_read");
  reporter.step(again, `notes read over the new connection: ${textsOf(notes).join(", ")}`, {
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
  const { hash } = await client.call("hashcheck_store", DOCUMENT);
  reporter.step(client, stored(hash), {
    holds: hash !== undefined,
    expected: "a hash",
    came: hash,
  });
  const expected = `MATCH, in session ${id}`;
  if (server.restart === undefined) {
    reporter.notRun("kill -9 and restart: not run, as this server is not the demo's to kill");
  } else {
    await context.restart(server);
    const survived = await client.call("hashcheck_verify", DOCUMENT);
    reporter.step(
      client,
      `kill -9 of the server; the next call verifies the text: ${verdict(survived)}`,
      {
        holds: survived.match === true && client.cookie?.id === id,
        expected,
        came: { ...survived, session: client.cookie?.id },
      },
    );
  }
  await client[Symbol.asyncDispose]();
  if (server.restart !== undefined) await context.restart(server);
  const again = await context.connect(server);
  const verified = await again.call("hashcheck_verify", DOCUMENT);
  const cut = server.restart === undefined ? "connection cut" : "connection cut, kill -9 once more";
  reporter.step(again, `${cut}; new connection, same cookie: ${verdict(verified)}`, {
    holds: verified.match === true && again.cookie?.id === id,
    expected,
    came: { ...verified, session: again.cookie?.id },
  });
  const changed = await again.call("hashcheck_verify", CHANGED);
  reporter.step(again, `control, a text that was changed: ${verdict(changed)}`, {
    holds: changed.found === true && changed.match === false,
    expected: "MISMATCH",
    came: changed,
  });
}

async function changeOfTransport(context: ProofContext): Promise<void> {
  const { reporter } = context;
  const overStdio = await context.connect(await context.start({ transport: "stdio" }));
  const id = overStdio.cookie?.id;
  const { hash } = await overStdio.call("hashcheck_store", DOCUMENT);
  reporter.step(overStdio, stored(hash), {
    holds: hash !== undefined,
    expected: "a hash",
    came: hash,
  });
  await overStdio[Symbol.asyncDispose]();
  const overHttp = await context.connect(await context.start({ transport: "http" }));
  const verified = await overHttp.call("hashcheck_verify", DOCUMENT);
  reporter.step(
    overHttp,
    `stdio server ended; over HTTP with the same cookie: ${verdict(verified)}`,
    {
      holds: verified.match === true && overHttp.cookie?.id === id,
      expected: `MATCH, in session ${id}`,
      came: { ...verified, session: overHttp.cookie?.id },
    },
  );
}

async function changeOfTransportSession(context: ProofContext): Promise<void> {
  const { reporter } = context;
  const server = await context.start({ transport: "http", flags: ["--stateful"] });
  const client = await context.connect(server);
  const before = { transport: client.transport.sessionId, session: client.cookie?.id };
  const { hash } = await client.call("hashcheck_store", DOCUMENT);
  reporter.step(client, `${stored(hash)}; Mcp-Session-Id ${reporter.id(said(before.transport))}`, {
    holds: before.transport !== undefined && before.transport !== before.session,
    expected: "an Mcp-Session-Id that is not the session's id",
    came: before,
  });
  await context.restart(server);
  const verified = await client.call("hashcheck_verify", DOCUMENT);
  const after = { transport: client.transport.sessionId, session: client.cookie?.id };
  const text = `kill -9; Mcp-Session-Id ${reporter.id(said(after.transport))}, ` +
    `the session is the same: ${verdict(verified)}`;
  reporter.step(client, text, {
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
  reporter.step(client, "create: session/create made the session as the client connected", {
    holds: created !== undefined && client.events.at(-1)?.type === "created",
    expected: "a cookie, and the event created",
    came: client.events,
  });
  const echoed = await client.call("session_probe");
  reporter.step(
    client,
    `echo: the call carried the cookie; it is call ${said(echoed.calls)} of the session`,
    {
      holds: Object(echoed.session).id === created?.id && echoed.calls === 1,
      expected: `session ${created?.id}, calls 1`,
      came: echoed,
    },
  );
  if (server.restart === undefined) {
    reporter.notRun("update: not run, as the expiry moves only after a tenth of the lifetime");
  } else {
    reporter.progress("1.1 s, so that the expiry is due to move");
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await client.call("session_probe");
    const [before, after] = [created?.expiry, client.cookie?.expiry].map((expiry) =>
      Date.parse(expiry ?? "")
    );
    reporter.step(client, "update: a call after a tenth of the lifetime moves the expiry", {
      holds: client.cookie?.id === created?.id && Number(after) > Number(before),
      expected: "the same id, a later expiry",
      came: { before: created, after: client.cookie },
    });
  }
  await client.call("session_probe", { action: "revoke" });
  reporter.step(client, "revoke: the result's cookie is null, and the client holds none", {
    holds: client.cookie === undefined,
    expected: "no cookie",
    came: client.cookie,
  });
  const fresh = await client.call("session_probe");
  const established = client.cookie;
  reporter.step(
    client,
    `re-establish: the next call is call ${said(fresh.calls)} of a new session`,
    {
      holds: established !== undefined && established.id !== created?.id && fresh.calls === 1,
      expected: "another session, calls 1",
      came: fresh,
    },
  );
  const rotated = await client.call("session_probe", { action: "new" });
  reporter.step(client, "rotate: the session goes on under a new id", {
    holds: client.cookie !== undefined && client.cookie.id !== established?.id &&
      Object(rotated.session).id === client.cookie.id && rotated.calls === 1,
    expected: `an id other than ${established?.id}, in the cookie and in the result, calls 1`,
    came: rotated,
  });
  const stale = await client.call("session_probe", {}, established);
  reporter.step(client, "old id: a call that presents it is given another session", {
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
