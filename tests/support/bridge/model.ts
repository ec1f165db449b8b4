/** A model behind a host that tells no conversation: it names its sessions by their handles. */

import { assertEquals } from "@std/assert";
import type { BridgeHost } from "./host.ts";
import type { ServerName, WireResult } from "../servers/server.ts";

/** The text for a dead handle, and for a call without a handle. */
export const DEAD = /^There is no session with this handle.*session_create/;
export const NONE = /^This call needs a session, and names none.*session_create.*"session"/;

/** A tool and its arguments. */
export type Call = readonly [tool: string, args: Record<string, unknown>];

/** Calls of each server that keep and show state, and what is shown. */
export const CALLS: Readonly<
  Record<ServerName, {
    keep: (text: string) => Call;
    show: Call;
    shown: (content: Record<string, unknown>) => unknown;
  }>
> = {
  session: {
    keep: (note) => ["session_probe", { note }],
    show: ["session_probe", {}],
    shown: ({ calls }) => calls,
  },
  session_required: {
    keep: (text) => ["echo", { text }],
    show: ["whoami", {}],
    shown: ({ tool_calls }) => tool_calls,
  },
  notebook: {
    keep: (text) => ["notebook_append", { text }],
    show: ["notebook_read", {}],
    shown: ({ count }) => count,
  },
  hashcheck: {
    keep: (text) => ["hashcheck_store", { key: text, text }],
    show: ["hashcheck_list", {}],
    shown: ({ count }) => count,
  },
};

/** A model that names its sessions. */
export class Model {
  readonly #host: BridgeHost;

  constructor(host: BridgeHost) {
    this.#host = host;
  }

  async create(title?: string): Promise<string> {
    const result = await this.#host.tool("session_create", { title });
    return String(result.structuredContent.session);
  }

  async list(): Promise<unknown[]> {
    const { structuredContent } = await this.#host.tool("session_list");
    return Object(structuredContent).sessions.map(({ session }: { session: unknown }) => session);
  }

  async call([tool, args]: Call, session?: string): Promise<WireResult> {
    return await this.#host.tool(tool, { ...args, session });
  }
}

/** The text of a result that is a failure. */
export function failure({ isError, content, structuredContent, _meta }: WireResult): string {
  assertEquals([isError, structuredContent, _meta], [true, undefined, undefined]);
  return content[0]?.text ?? "";
}

/** The text that the bridge adds at the end of a result. */
export function remark({ content, isError }: WireResult): string {
  assertEquals([isError, content.length], [undefined, 2]);
  return content[1]?.text ?? "";
}
