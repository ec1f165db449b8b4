/**
 * The five proofs. Each step is run against a real server, checked, and shown with the session
 * after it.
 *
 * @module
 */

import type { Stage, TransportName } from "./stage.ts";
import type { ServerName } from "./target.ts";

/** One claim, and how it is put to the test. */
export interface Proof {
  /** Which of the five it belongs to. */
  readonly number: 1 | 2 | 3 | 4 | 5;
  /** The claim. */
  readonly claim: string;
  /** The server that it is shown with. */
  readonly server: ServerName;
  /** What it can be run over. */
  readonly over: readonly (TransportName | "stdio to http" | "stateful http")[];
  /** Can it be shown only with servers that the demo starts itself? */
  readonly own: boolean;
  /** Runs it. Throws if a step does not hold. */
  readonly prove: (stage: Stage) => Promise<void>;
}

/** Every proof, in the order in which they are shown. */
export const PROOFS: readonly Proof[] = [
  {
    number: 1,
    claim: "Enforcement: no tool runs without a session",
    server: "session_required",
    over: ["stdio", "http"],
    own: false,
    prove: enforcement,
  },
  {
    number: 2,
    claim: "Session-scoped state: two sessions, two notebooks",
    server: "notebook",
    over: ["stdio", "http"],
    own: false,
    prove: isolation,
  },
  {
    number: 3,
    claim: "Persistence: the state is there in later calls, and in later connections",
    server: "notebook",
    over: ["stdio", "http"],
    own: false,
    prove: persistence,
  },
  {
    number: 4,
    claim: "Reconnection and restart: a session outlives its connection and the server's process",
    server: "hashcheck",
    over: ["stdio", "http"],
    own: false,
    prove: restart,
  },
  {
    number: 4,
    claim: "Reconnection and restart: a session made over stdio goes on over HTTP",
    server: "hashcheck",
    over: ["stdio to http"],
    own: true,
    prove: changeOfTransport,
  },
  {
    number: 4,
    claim:
      "Reconnection and restart: the transport's own Mcp-Session-Id changes, the session stays",
    server: "hashcheck",
    over: ["stateful http"],
    own: true,
    prove: changeOfTransportSession,
  },
  {
    number: 5,
    claim: "The cookie's life: create, echo, update, revoke, re-establish, rotate",
    server: "session",
    over: ["stdio", "http"],
    own: false,
    prove: cookieLife,
  },
];

const document = "The text whose hash the session remembers.";

async function enforcement(stage: Stage): Promise<void> {
  const { screen } = stage;
  const client = await stage.connect(await stage.start());
  const { transport } = client;
  const cases = [
    ["without a cookie", null, "missing"],
    ["with an id that was made up", { id: `sess-${"0".repeat(32)}` }, "unknown"],
  ] as const;
  for (const [how, cookie, expected] of cases) {
    const { isRefused, came, reason } = await client.refusal("whoami", cookie);
    screen.step(
      `before: whoami ${how} is refused with -32002${
        reason === undefined ? "" : `, ${said(reason)}`
      }`,
      isRefused && (reason === undefined || reason === expected),
      transport,
      came,
    );
  }
  const who = await client.call("whoami");
  screen.step(
    `after session/create: whoami runs, in session ${said(who.session_id)}`,
    who.session_id === client.cookie?.id,
    transport,
    who,
  );
  screen.step(
    `the two refused calls never ran: this one is call ${said(who.tool_calls)}`,
    who.tool_calls === 1,
    transport,
    who,
  );
}

async function isolation(stage: Stage): Promise<void> {
  const { screen } = stage;
  const target = await stage.start();
  const [anna, ben] = [await stage.connect(target, "anna"), await stage.connect(target, "ben")];
  screen.step(
    "two clients have two sessions",
    anna.cookie !== undefined && anna.cookie.id !== ben.cookie?.id,
    ben.transport,
    [anna.cookie?.id, ben.cookie?.id],
  );
  for (const [client, text] of [[anna, "buy milk"], [ben, "call Anna"]] as const) {
    const { note_number } = await client.call("notebook_append", { text });
    const { notes } = await client.call("notebook_read");
    screen.step(
      `"${text}" is note ${said(note_number)} of its notebook, and the only one`,
      JSON.stringify(textsOf(notes)) === JSON.stringify([text]),
      client.transport,
      notes,
    );
  }
}

async function persistence(stage: Stage): Promise<void> {
  const { screen } = stage;
  const target = await stage.start();
  const client = await stage.connect(target);
  const id = client.cookie?.id;
  const texts = ["one", "two", "three"];
  for (const text of texts) await client.call("notebook_append", { text });
  const status = await client.call("notebook_status");
  screen.step(
    `after three calls that append, a fourth counts ${said(status.note_count)} notes`,
    status.note_count === 3 && status.tool_calls === 4,
    client.transport,
    status,
  );
  await client[Symbol.asyncDispose]();
  screen.note("the connection is closed; a new one takes the cookie from the jar");
  const again = await stage.connect(target);
  screen.step(
    "the server still has the session",
    again.events.some((event) => event.type === "resumed" && event.verified) &&
      again.cookie?.id === id,
    again.transport,
    again.events,
  );
  const { notes } = await again.call("notebook_read");
  screen.step(
    `its notes are there: ${textsOf(notes).join(", ")}`,
    JSON.stringify(textsOf(notes)) === JSON.stringify(texts),
    again.transport,
    notes,
  );
}

async function restart(stage: Stage): Promise<void> {
  const { screen } = stage;
  const target = await stage.start();
  const client = await stage.connect(target);
  const id = client.cookie?.id;
  const { hash } = await client.call("hashcheck_store", { key: "document", text: document });
  screen.step(
    `stored: sha256 ${said(hash).slice(0, 16)}…`,
    hash !== undefined,
    client.transport,
    hash,
  );
  if (target.restart === undefined) {
    screen.notRun("kill -9 and a restart: not run, as this server is not the demo's to kill");
  } else {
    await target.restart();
    screen.note("kill -9: the server's process is gone; the same client calls again");
    const survived = await client.call("hashcheck_verify", { key: "document", text: document });
    screen.step(
      `the same client, the same session: ${verdict(survived)}`,
      survived.match === true && client.cookie?.id === id,
      client.transport,
      survived,
    );
  }
  await client[Symbol.asyncDispose]();
  await target.restart?.();
  screen.note(`the connection is cut${target.restart ? ", the server killed once more" : ""}`);
  const again = await stage.connect(target);
  const verified = await again.call("hashcheck_verify", { key: "document", text: document });
  screen.step(
    `a new connection with the same cookie: ${verdict(verified)}`,
    verified.match === true && again.cookie?.id === id,
    again.transport,
    verified,
  );
  const changed = await again.call("hashcheck_verify", { key: "document", text: `${document}!` });
  screen.step(
    `and a text that was changed: ${verdict(changed)}`,
    changed.found === true && changed.match === false,
    again.transport,
    changed,
  );
}

async function changeOfTransport(stage: Stage): Promise<void> {
  const { screen } = stage;
  const overStdio = await stage.connect(await stage.start({ transport: "stdio" }));
  const id = overStdio.cookie?.id;
  const { hash } = await overStdio.call("hashcheck_store", { key: "document", text: document });
  screen.step(
    `over stdio, stored: sha256 ${said(hash).slice(0, 16)}…`,
    hash !== undefined,
    overStdio.transport,
    hash,
  );
  await overStdio[Symbol.asyncDispose]();
  screen.note("the stdio server has ended; another process serves the same store over HTTP");
  const overHttp = await stage.connect(await stage.start({ transport: "http" }));
  const verified = await overHttp.call("hashcheck_verify", { key: "document", text: document });
  screen.step(
    `over HTTP, the same cookie: ${verdict(verified)}`,
    verified.match === true && overHttp.cookie?.id === id,
    overHttp.transport,
    verified,
  );
}

async function changeOfTransportSession(stage: Stage): Promise<void> {
  const { screen } = stage;
  const target = await stage.start({ transport: "http", flags: ["--stateful"] });
  const client = await stage.connect(target);
  const before = { transport: client.transport.sessionId, session: client.cookie?.id };
  await client.call("hashcheck_store", { key: "document", text: document });
  screen.step(
    `stored; Mcp-Session-Id is ${before.transport}`,
    before.transport !== undefined && before.transport !== before.session,
    client.transport,
    before,
  );
  await target.restart?.();
  screen.note("kill -9, and started again: this server has never heard of that Mcp-Session-Id");
  const verified = await client.call("hashcheck_verify", { key: "document", text: document });
  const after = { transport: client.transport.sessionId, session: client.cookie?.id };
  screen.step(
    `the same session, under Mcp-Session-Id ${after.transport}: ${verdict(verified)}`,
    verified.match === true && after.session === before.session &&
      after.transport !== undefined && after.transport !== before.transport,
    client.transport,
    { before, after, verified },
  );
}

async function cookieLife(stage: Stage): Promise<void> {
  const { screen } = stage;
  const target = await stage.start({ flags: ["--ttl", "10s"] });
  const client = await stage.connect(target);
  const { transport } = client;
  const created = client.cookie;
  screen.step(
    "create: session/create made a session as the client connected",
    created !== undefined && client.events.at(-1)?.type === "created",
    transport,
    client.events,
  );
  const echoed = await client.call("session_probe");
  screen.step(
    `echo: the call carried the cookie, and the server says it is call ${said(echoed.calls)} of it`,
    Object(echoed.session).id === created?.id && echoed.calls === 1,
    transport,
    echoed,
  );
  if (target.restart === undefined) {
    screen.notRun("update: the expiry moves on once a tenth of the lifetime is used up");
  } else {
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await client.call("session_probe");
    const [before, after] = [created?.expiry, client.cookie?.expiry].map((expiry) =>
      Date.parse(expiry ?? "")
    );
    screen.step(
      "update: after a second of a lifetime of ten, the result's cookie has a later expiry",
      client.cookie?.id === created?.id && Number(after) > Number(before),
      transport,
      { before: created, after: client.cookie },
    );
  }
  await client.call("session_probe", { action: "revoke" });
  screen.step(
    "revoke: the result's cookie is null, and the client has forgotten it",
    client.cookie === undefined,
    transport,
    client.cookie,
  );
  const fresh = await client.call("session_probe");
  const established = client.cookie;
  screen.step(
    `re-establish: the next call got a session of its own, and is call ${said(fresh.calls)} of it`,
    established !== undefined && established.id !== created?.id && fresh.calls === 1,
    transport,
    fresh,
  );
  const rotated = await client.call("session_probe", { action: "new" });
  screen.step(
    "rotate: the session goes on under a new id",
    client.cookie !== undefined && client.cookie.id !== established?.id &&
      Object(rotated.session).id === client.cookie.id && rotated.calls === 1,
    transport,
    rotated,
  );
  const stale = await client.call("session_probe", {}, established);
  screen.step(
    "and the old id is dead: who presents it is given another session",
    Object(stale.session).id !== established?.id && Object(stale.session).id !== client.cookie?.id,
    transport,
    stale,
  );
}

function textsOf(notes: unknown): string[] {
  return Array.isArray(notes) ? notes.map((note) => said(Object(note).text)) : [];
}

function verdict({ found, match }: Record<string, unknown>): string {
  if (found !== true) return "the key is not found";
  return match === true ? "MATCH" : "MISMATCH";
}

/** What a server said, where a text or a number was to come. */
function said(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? "nothing";
}
