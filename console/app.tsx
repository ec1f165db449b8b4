/**
 * The console's requests, and what answers them.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import { html } from "hono/html";
import { secureHeaders } from "hono/secure-headers";
import { streamSSE } from "hono/streaming";
import { messageOf } from "../runtime/errors.ts";
import type { StoreInspector } from "../store/inspection.ts";
import type { Access } from "./access.ts";
import icon from "./assets/icon.svg" with { type: "text" };
import script from "./assets/console.js" with { type: "text" };
import styles from "./assets/console.css" with { type: "text" };
import type { Operator, SessionName } from "./operator.ts";
import { nameInSegment, sessionPath } from "./pages/links.ts";
import { ListPage } from "./pages/list_page.tsx";
import { MessagePage } from "./pages/message_page.tsx";
import { SessionPage } from "./pages/session_page.tsx";
import { pageOf, type Sort, SORTS, type TableQuery } from "./survey/survey_pages.ts";
import type { Surveyor } from "./survey/surveyor.ts";
import { plain, titleOf } from "./words.ts";

export interface ConsoleOptions {
  readonly access: Access;
  readonly inspector: Pick<StoreInspector, "entries">;
  readonly operator: Operator;
  readonly surveyor: Surveyor;
  /** The store as the pages name it. */
  readonly store: string;
  /** Ends the event streams. */
  readonly stopping: AbortSignal;
}

/** Entries of a state on one page. */
const ENTRIES = 50;

const SELF = ["'self'"];
const CONTENT_SECURITY_POLICY = {
  defaultSrc: ["'none'"],
  scriptSrc: SELF,
  styleSrc: SELF,
  imgSrc: SELF,
  connectSrc: SELF,
  formAction: SELF,
  baseUri: ["'none'"],
  frameAncestors: ["'none'"],
};

const ASSETS = {
  "/assets/console.css": [styles, "text/css"],
  "/assets/console.js": [script, "text/javascript"],
  "/assets/icon.svg": [icon, "image/svg+xml"],
} as const;

/** Makes the handler of all requests. */
export function consoleApp(options: ConsoleOptions): Hono {
  const { access, inspector, operator, surveyor, store, stopping } = options;
  const app = new Hono();

  app.use(secureHeaders({
    contentSecurityPolicy: CONTENT_SECURITY_POLICY,
    xFrameOptions: "DENY",
    // Plain HTTP is all there is on this machine's own name.
    strictTransportSecurity: false,
  }));
  app.use(async (context, next) => {
    await next();
    context.header("Cache-Control", "no-store");
  });
  app.use(access.checkHost);
  for (const [path, [text, type]] of Object.entries(ASSETS)) {
    app.get(
      path,
      (context) => context.body(text, 200, { "Content-Type": `${type};charset=utf-8` }),
    );
  }
  app.use(access.takeToken);
  app.use(async (context, next) => {
    if (access.isOpenTo(context)) return await next();
    return respond(
      context,
      401,
      <MessagePage heading="This page is locked" isOpen={false}>
        Open the link that the console printed in its terminal. It opens once, in one browser. To
        get another, stop the console there with Ctrl-C, and start it again.
      </MessagePage>,
    );
  });

  app.get("/", async (context) => {
    const query = tableQuery(context);
    const survey = await surveyor.look();
    const table = pageOf(survey, query);
    return respond(
      context,
      200,
      <ListPage {...{ store, survey, query, table, calls: surveyor.calls, now: Date.now() }} />,
    );
  });

  app.get("/live", (context) =>
    streamSSE(context, async (stream) => {
      const { promise: ended, resolve: end } = Promise.withResolvers<void>();
      stream.onAbort(end);
      stopping.addEventListener("abort", () => end());
      if (stopping.aborted) end();
      // A page that connects has looked just now.
      await stream.writeSSE({ event: "hello", data: "" });
      using _watched = surveyor.watch(() => void stream.writeSSE({ event: "survey", data: "" }));
      await ended;
      if (!stream.aborted) await stream.writeSSE({ event: "stopped", data: "" });
    }));

  app.get("/sessions/:server/:state", async (context) => {
    const name = sessionName(context);
    const session = await operator.find(name);
    const prefix = context.req.query("prefix") ?? "";
    const page = pageNumber(context);
    // A key may hold an id, so no link names the last one: a page is found by counting.
    const entries = session &&
      await inspector.entries({ ...name, prefix, limit: page * ENTRIES + 1 });
    if (session === undefined || entries === undefined) return gone(context);
    return respond(
      context,
      200,
      <SessionPage
        {...{ store, name, session, prefix, page, now: Date.now() }}
        entries={entries.slice((page - 1) * ENTRIES, page * ENTRIES)}
        hasMore={entries.length > page * ENTRIES}
      />,
    );
  });

  app.post("/sessions/:server/:state/end", async (context) => {
    const name = sessionName(context);
    const wasLive = await operator.end(name);
    surveyor.forget(name.stateId);
    return context.json({ said: wasLive ? "Session ended." : "It had ended already." });
  });

  app.post("/sessions/:server/:state/fork", async (context) => {
    const name = sessionName(context);
    const fork = await operator.fork(name);
    if (fork === undefined) {
      return context.json({ said: "It has ended, so there is nothing to fork." }, 404);
    }
    surveyor.renew();
    const { stateId, data: { title = "" } } = fork;
    const said = `“${titleOf({ title })}” is made.`;
    return context.json({ said, to: sessionPath({ ...name, stateId }) });
  });

  app.notFound((context) =>
    respond(
      context,
      404,
      <MessagePage heading="There is no such page" isOpen>Nothing is here.</MessagePage>,
    )
  );
  app.onError((error, context) => {
    const said = plain(messageOf(error));
    return context.req.method === "POST"
      ? context.json({ said }, 503)
      : respond(context, 503, <MessagePage heading="That did not work" isOpen>{said}</MessagePage>);
  });
  return app;
}

type Markup = Parameters<typeof html>[1];

function respond(context: Context, status: 200 | 401 | 404 | 503, markup: Markup) {
  return context.html(html`<!DOCTYPE html>${markup}`, status);
}

function gone(context: Context) {
  return respond(
    context,
    404,
    <MessagePage heading="This session has ended" isOpen>
      Its state went with it. Somebody ended it, or its time was up.
    </MessagePage>,
  );
}

function sessionName(context: Context): SessionName {
  return {
    namespace: nameInSegment(context.req.param("server") ?? ""),
    stateId: nameInSegment(context.req.param("state") ?? ""),
  };
}

function tableQuery(context: Context): TableQuery {
  const { q = "", server = "", sort } = context.req.query();
  return {
    text: q,
    server,
    sort: SORTS.find((known): known is Sort => known === sort) ?? "newest",
    page: pageNumber(context),
  };
}

function pageNumber(context: Context): number {
  const page = context.req.query("page") ?? "";
  return /^[1-9]\d{0,5}$/.test(page) ? Number(page) : 1;
}
