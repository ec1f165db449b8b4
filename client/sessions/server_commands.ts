/**
 * The commands that ask a server.
 *
 * @module
 */

import { type HeldCookie, heldCookie, withCookie } from "../../protocol/cookie.ts";
import { METHOD } from "../../protocol/methods.ts";
import { member } from "../../runtime/json.ts";
import { createSession, lookUpSession } from "../session/session_requests.ts";
import { mergeListed } from "../session/cookie_rules.ts";
import type { JarKey } from "../jar/cookie_jar.ts";
import type { FileJar } from "../jar/file_jar.ts";
import { ResultSchema } from "../sdk.ts";
import { withSession } from "../with_session.ts";
import type { ServerAction } from "./flags.ts";
import { findId, type Ids } from "./session_ids.ts";
import { about, type Report, sessionLine } from "./report.ts";
import { connect, nameOf, Plain, type Target, transportTo } from "./server.ts";

/** What a command with a server works with. */
export interface ServerContext {
  readonly target: Target;
  readonly jar: FileJar;
  readonly profile: string;
  readonly ids: Ids;
  /** Told in one line of what the user has to know beside the answer. */
  readonly warn: (message: string) => void;
}

/** A server may say for ever that there are more sessions; ours has a thousand on a page. */
const MAX_PAGES = 100;

/** The code of the SDK's error. */
const REQUEST_TIMEOUT = -32001;

/** Does something with a server. */
export async function runOnServer(action: ServerAction, context: ServerContext): Promise<Report> {
  if (action.kind === "call") return await call(action.tool, action.args, context);
  const { kind } = action;
  await using server = await Plain.to(context.target);
  const sessions = await Sessions.of(server, context);
  switch (kind) {
    case "create":
      return await sessions.create(action.title);
    case "list":
      return await sessions.list();
    case "resume":
      return await sessions.resume(action.id);
    case "delete":
      return await sessions.delete(action.id);
    default:
      return kind satisfies never;
  }
}

/** The sessions of one server, and what the jar has of them. */
class Sessions {
  readonly #server: Plain;
  readonly #jar: FileJar;
  readonly #key: JarKey;
  readonly #ids: Ids;
  readonly #held: HeldCookie | undefined;
  readonly #warn: (message: string) => void;

  static async of(server: Plain, context: ServerContext): Promise<Sessions> {
    const { target, jar, profile, ids, warn } = context;
    const key = { server: nameOf(target), profile };
    const held = await jar.get(key);
    if (held !== undefined) ids.know(held.id);
    return new Sessions(server, jar, key, ids, held, warn);
  }

  private constructor(
    server: Plain,
    jar: FileJar,
    key: JarKey,
    ids: Ids,
    held: HeldCookie | undefined,
    warn: (message: string) => void,
  ) {
    this.#server = server;
    this.#jar = jar;
    this.#key = key;
    this.#ids = ids;
    this.#held = held;
    this.#warn = warn;
  }

  async create(title: string | undefined): Promise<Report> {
    this.#server.need("create");
    const cookie = await createSession(this.#server.ask, title ?? this.#server.title);
    this.#ids.know(cookie.id);
    try {
      await this.#jar.set(this.#key, cookie);
    } catch (error) {
      // Nobody would know of it.
      const { ask } = this.#server;
      if (this.#server.offers("delete")) {
        await ask(METHOD.delete, withCookie({}, cookie)).catch(() => {});
      }
      throw error;
    }
    return { json: { cookie }, shown: `Created ${sessionLine(cookie)}` };
  }

  async list(): Promise<Report> {
    this.#server.need("list");
    const sessions = await this.#live();
    const held = this.#held?.id ?? null;
    const rows = sessions.map((cookie) => {
      const { title, expires } = about(cookie);
      return [cookie.id === held ? "*" : "", cookie.id, expires, title];
    });
    return {
      json: { sessions, held },
      shown: rows.length === 0
        ? "The server shows no sessions"
        : [["", "ID", "EXPIRES", "TITLE"], ...rows],
    };
  }

  async resume(typed: string | undefined): Promise<Report> {
    const id = await this.#find(typed);
    // The jar may have more of it than the list: some servers keep state in the cookie.
    const filed = (await this.#filed()).find(({ cookie }) => cookie.id === id)?.cookie ?? { id };
    const { ask } = this.#server;
    const found = this.#server.offers("list") ? await lookUpSession(ask, filed) : undefined;
    if (found === null) {
      // A list may lack what the server takes all the same, so the jar keeps its cookie.
      const shown = `The server lists no session ${id}: it may have ended, or be another user's`;
      return { json: { cookie: null, verified: true }, shown, failed: true };
    }
    const cookie = found ? mergeListed(filed, found) : filed;
    await this.#jar.set(this.#key, cookie);
    const verified = found !== undefined;
    const shown = verified
      ? `Resumed ${sessionLine(cookie)}`
      : `Filed ${id}; this server cannot be asked whether it is live`;
    return { json: { cookie, verified }, shown };
  }

  async delete(typed: string | undefined): Promise<Report> {
    this.#server.need("delete");
    const id = await this.#find(typed);
    const result = await this.#server.ask(METHOD.delete, withCookie({ id }, { id }));
    const deleted = member(result, "deleted") === true;
    // What one user cannot reach may be another's, whose profile keeps it.
    const gone = deleted ? await this.#filed() : [this.#key];
    for (const key of gone) await this.#jar.delete(key, id);
    if (deleted) return { json: { id, deleted }, shown: `Deleted ${id}` };
    const shown = `There is no session ${id} to delete: it may have ended, or be another user's`;
    return { json: { id, deleted }, shown, failed: true };
  }

  /** The session that was typed, or the jar's. */
  async #find(typed: string | undefined): Promise<string> {
    if (typed === undefined) {
      if (this.#held !== undefined) return this.#held.id;
      throw new Error("The jar has no session of this server: name one, or create one");
    }
    const filed = (await this.#filed()).map(({ cookie }) => cookie.id);
    const live = this.#server.offers("list") ? await this.#live() : [];
    return this.#ids.know(findId(typed, [...filed, ...live.map(({ id }) => id)]));
  }

  /** All sessions that the server shows to who has the jar's cookie. */
  async #live(): Promise<HeldCookie[]> {
    const sessions: HeldCookie[] = [];
    let params: Record<string, unknown> = {};
    for (let page = 0; page < MAX_PAGES; page++) {
      const presented = this.#held ? withCookie(params, this.#held) : params;
      const result = await this.#server.ask(METHOD.list, presented);
      const shown = member(result, "sessions");
      for (const value of Array.isArray(shown) ? shown : []) {
        const cookie = heldCookie(value);
        if (cookie !== undefined) sessions.push({ ...cookie, id: this.#ids.know(cookie.id) });
      }
      const cursor = member(result, "nextCursor");
      if (typeof cursor !== "string") return sessions;
      params = { cursor };
    }
    this.#warn(`The server's list does not end: only its first ${MAX_PAGES} pages were looked at`);
    return sessions;
  }

  /** What the jar has of this server, in any profile. */
  async #filed() {
    return (await this.#jar.list()).filter(({ server }) => server === this.#key.server);
  }
}

async function call(
  name: string,
  args: Record<string, unknown>,
  { target, jar, profile, ids, warn }: ServerContext,
): Promise<Report> {
  const key = { server: nameOf(target), profile };
  // A session that nobody can look up must not be replaced by a new one.
  const held = await jar.get(key);
  if (held !== undefined) ids.know(held.id);
  const transport = withSession(() => transportTo(target), {
    jar,
    ...key,
    onsession: (event) => {
      if ("previous" in event) ids.know(event.previous.id);
      if ("cookie" in event) ids.know(event.cookie.id);
      if (event.type === "lost") {
        warn(
          `The session ${event.previous.id} is gone, and its state with it: a new one was begun`,
        );
      }
    },
  });
  // What goes wrong with the jar while the session is made is no failure to connect.
  const early: string[] = [];
  let tell = (message: string): unknown => early.push(message);
  transport.onerror = ({ message }) => tell(message);
  const client = await connect(target, transport);
  let result;
  try {
    tell = warn;
    for (const message of early) warn(message);
    const params = { name, arguments: args };
    // Whatever a server answers is shown, also what this SDK does not know.
    result = await client.request({ method: "tools/call", params }, ResultSchema)
      .catch((error) => {
        if (!isTimeout(error)) throw error;
        throw new Error(`${name} has not answered in time, and may have run: see what it has done`);
      });
  } finally {
    // The jar has the session's cookie when this is done.
    await client.close();
  }
  const failed = result.isError === true;
  return { json: result, shown: textOf(result) || (failed ? `${name} failed` : ""), failed };
}

/** Is this how the SDK ends a request that nobody answers? Servers may use its code, too. */
function isTimeout(error: unknown): boolean {
  return member(error, "code") === REQUEST_TIMEOUT &&
    member(member(error, "data"), "timeout") !== undefined;
}

/** What a tool says to people, or else to programs. */
function textOf(result: Record<string, unknown>): string {
  const content = Array.isArray(result.content) ? result.content : [];
  const texts = content.map((block: unknown) => {
    const text = member(block, "text");
    return typeof text === "string" ? text : `[${member(block, "type")}]`;
  });
  return texts.join("\n") || JSON.stringify(result.structuredContent ?? result.content);
}
