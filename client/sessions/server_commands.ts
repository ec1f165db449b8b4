/**
 * Commands on a server.
 *
 * @module
 */

import { type HeldCookie, heldCookie, withCookie } from "../../protocol/cookie.ts";
import { METHOD } from "../../protocol/methods.ts";
import { messageOf } from "../../runtime/errors.ts";
import { member } from "../../runtime/json.ts";
import { createSession, lookUpSession } from "../session/session_requests.ts";
import { mergeListed } from "../session/cookie_rules.ts";
import type { JarKey } from "../jar/cookie_jar.ts";
import type { FileJar } from "../jar/file_jar.ts";
import { ResultSchema } from "../sdk.ts";
import { withSession } from "../with_session.ts";
import type { ServerAction } from "./flags.ts";
import { lookUpId } from "./id_lookup.ts";
import type { IdRedactor } from "./id_redactor.ts";
import type { Report } from "./report.ts";
import {
  connect,
  jarServer,
  SessionlessConnection,
  type Target,
  transportTo,
} from "./server_connection.ts";
import { listTable, sessionLine } from "./list_columns.ts";

export interface ServerContext {
  readonly target: Target;
  readonly jar: FileJar;
  readonly profile: string;
  readonly ids: IdRedactor;
  /** Told, in one line, what the user has to know beside the report. */
  readonly warn: (message: string) => void;
}

/** Pages of a list that are read: a foreign list may not end. Ours has 1,000 sessions on each. */
const MAX_PAGES = 100;

/** The code of the SDK's error for a request without an answer in time. */
const REQUEST_TIMEOUT = -32001;

export async function runOnServer(action: ServerAction, context: ServerContext): Promise<Report> {
  if (action.kind === "call") return await call(action, context);
  const { target } = context;
  await using server = new SessionlessConnection(await connect(target, transportTo(target)));
  const { key, held } = await heldIn(context);
  const sessions = new ServerSessions(server, context, key, held);
  switch (action.kind) {
    case "create":
      return await sessions.create(action.title);
    case "list":
      return await sessions.list();
    case "resume":
      return await sessions.resume(action.id);
    case "delete":
      return await sessions.delete(action.id);
    default:
      return action satisfies never;
  }
}

/** The jar's key and cookie for the server. */
async function heldIn({ target, jar, profile, ids }: ServerContext) {
  const key = { server: jarServer(target), profile };
  const held = await jar.get(key);
  if (held !== undefined) ids.add(held.id);
  return { key, held };
}

/** The sessions of one server, and the jar's cookies for them. */
class ServerSessions {
  readonly #server: SessionlessConnection;
  readonly #context: ServerContext;
  readonly #key: JarKey;
  readonly #held: HeldCookie | undefined;

  constructor(
    server: SessionlessConnection,
    context: ServerContext,
    key: JarKey,
    held: HeldCookie | undefined,
  ) {
    this.#server = server;
    this.#context = context;
    this.#key = key;
    this.#held = held;
  }

  async create(title: string | undefined): Promise<Report> {
    this.#server.require("create");
    const cookie = await createSession(this.#server.ask, title ?? this.#server.defaultTitle);
    this.#context.ids.add(cookie.id);
    try {
      await this.#context.jar.set(this.#key, cookie);
    } catch (error) {
      // A session that is not filed would be lost.
      if (this.#server.offers("delete")) {
        await this.#server.ask(METHOD.delete, withCookie({}, cookie)).catch(() => {});
      }
      throw error;
    }
    return { json: { cookie }, shown: `Created ${sessionLine(cookie)}` };
  }

  async list(): Promise<Report> {
    this.#server.require("list");
    const sessions = await this.#live();
    const held = this.#held?.id ?? null;
    const none = "The server shows no sessions";
    return { json: { sessions, held }, shown: sessions.length ? listTable(sessions, held) : none };
  }

  async resume(typed: string | undefined): Promise<Report> {
    const id = await this.#find(typed);
    // Some servers keep state in the cookie, which their list does not show.
    const filed = (await this.#filed()).find(({ cookie }) => cookie.id === id)?.cookie ?? { id };
    const { ask } = this.#server;
    const found = this.#server.offers("list") ? await lookUpSession(ask, filed) : undefined;
    if (found === null) {
      // The jar keeps its cookie: a server may take a session that it does not list.
      const shown = `The server lists no session ${id}: it may have ended, or be another user's`;
      return { json: { cookie: null, verified: true }, shown, failed: true };
    }
    const cookie = found ? mergeListed(filed, found) : filed;
    await this.#context.jar.set(this.#key, cookie);
    const verified = found !== undefined;
    const shown = verified
      ? `Resumed ${sessionLine(cookie)}`
      : `Filed ${id}; this server cannot be asked whether it is live`;
    return { json: { cookie, verified }, shown };
  }

  async delete(typed: string | undefined): Promise<Report> {
    this.#server.require("delete");
    const id = await this.#find(typed);
    const result = await this.#server.ask(METHOD.delete, withCookie({ id }, { id }));
    const deleted = member(result, "deleted") === true;
    // A session that is not deleted may be another user's, whose profile keeps it.
    const gone = deleted ? await this.#filed() : [this.#key];
    for (const key of gone) await this.#context.jar.delete(key, id);
    if (deleted) return { json: { id, deleted }, shown: `Deleted ${id}` };
    const shown = `There is no session ${id} to delete: it may have ended, or be another user's`;
    return { json: { id, deleted }, shown, failed: true };
  }

  /** The id that was typed, or else the jar's. */
  async #find(typed: string | undefined): Promise<string> {
    if (typed === undefined) {
      if (this.#held !== undefined) return this.#held.id;
      throw new Error("The jar has no session of this server: name one, or create one");
    }
    const filed = (await this.#filed()).map(({ cookie }) => cookie.id);
    const live = this.#server.offers("list") ? await this.#live() : [];
    return this.#context.ids.add(lookUpId(typed, [...filed, ...live.map(({ id }) => id)]));
  }

  /** All sessions that the server lists for the jar's cookie. */
  async #live(): Promise<HeldCookie[]> {
    const sessions: HeldCookie[] = [];
    let params: Record<string, unknown> = {};
    for (let page = 0; page < MAX_PAGES; page++) {
      const presented = this.#held ? withCookie(params, this.#held) : params;
      const result = await this.#server.ask(METHOD.list, presented);
      const shown = member(result, "sessions");
      for (const value of Array.isArray(shown) ? shown : []) {
        const cookie = heldCookie(value);
        if (cookie === undefined) continue;
        this.#context.ids.add(cookie.id);
        sessions.push(cookie);
      }
      const cursor = member(result, "nextCursor");
      if (typeof cursor !== "string") return sessions;
      params = { cursor };
    }
    this.#context.warn(
      `The server's list does not end: only its first ${MAX_PAGES} pages were looked at`,
    );
    return sessions;
  }

  /** The jar's cookies for this server, in any profile. */
  async #filed() {
    return (await this.#context.jar.list()).filter(({ server }) => server === this.#key.server);
  }
}

async function call(
  { tool: name, args }: ServerAction & { readonly kind: "call" },
  context: ServerContext,
): Promise<Report> {
  const { target, jar, ids, warn } = context;
  // Fails before a jar that cannot be read makes a new session replace the old one.
  const { key } = await heldIn(context);
  const transport = withSession(() => transportTo(target), {
    jar,
    ...key,
    onsession: (event) => {
      if ("previous" in event) ids.add(event.previous.id);
      if ("cookie" in event) ids.add(event.cookie.id);
      if (event.type !== "lost") return;
      warn(
        `The session ${event.previous.id} is gone, and its state with it, or another user's (who ` +
          "needs a --profile of their own): a new one was begun",
      );
    },
  });
  // Trouble on the way is no failure, and of a failure it says nothing new.
  const troubles = new Set<string>();
  transport.onerror = ({ message }) => troubles.add(message);
  const client = await connect(target, transport);
  let result;
  try {
    const params = { name, arguments: args };
    // Shows any result, also one that this SDK's schemas do not know.
    result = await client.request({ method: "tools/call", params }, ResultSchema);
  } catch (error) {
    troubles.delete(messageOf(error));
    if (!isTimeout(error)) throw error;
    throw new Error(`${name} has not answered in time, and may have run: see what it has done`);
  } finally {
    // Waits until the jar has the session's cookie.
    await client.close();
    for (const message of troubles) warn(message);
  }
  const failed = result.isError === true;
  return { json: result, shown: contentText(result) || (failed ? `${name} failed` : ""), failed };
}

/** Whether this is the SDK's own timeout error: servers may use its code, too. */
function isTimeout(error: unknown): boolean {
  return member(error, "code") === REQUEST_TIMEOUT &&
    member(member(error, "data"), "timeout") !== undefined;
}

/** The content of a tool's result as text, or else its structured content as JSON. */
function contentText(result: Record<string, unknown>): string {
  const content = Array.isArray(result.content) ? result.content : [];
  const texts = content.map((block: unknown) => {
    const text = member(block, "text");
    return typeof text === "string" ? text : `[${member(block, "type")}]`;
  });
  return texts.join("\n") || JSON.stringify(result.structuredContent ?? result.content);
}
