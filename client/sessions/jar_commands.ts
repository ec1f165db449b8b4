/**
 * The commands that are about the jar alone.
 *
 * @module
 */

import type { JarEntry } from "../jar/cookie_jar.ts";
import type { FileJar } from "../jar/file_jar.ts";
import { serverKey } from "../jar/server_key.ts";
import type { JarAction } from "./flags.ts";
import { findId, type Ids } from "./session_ids.ts";
import { about, type Report } from "./report.ts";

/** What a command about the jar works with. */
export interface JarContext {
  readonly jar: FileJar;
  /** `undefined` if none was named. */
  readonly profile: string | undefined;
  readonly ids: Ids;
}

/** Does something with the jar. */
export async function runOnJar(action: JarAction, context: JarContext): Promise<Report> {
  const { jar, ids } = context;
  const entries = await jar.list();
  for (const { cookie } of entries) ids.know(cookie.id);
  const { kind } = action;
  switch (kind) {
    case "jar list":
      return listed(entries.filter((entry) => isMeant(entry, undefined, context.profile)));
    case "jar use": {
      const key = { server: serverKey(action.server), profile: context.profile ?? "default" };
      const filed = entries.filter(({ server }) => server === key.server);
      if (filed.length === 0 && !namesServer(key.server)) {
        throw new Error(
          `${key.server} is no server: give a URL such as http://127.0.0.1:8765/mcp, or what ` +
            "jar list has",
        );
      }
      // Who has another server's session has to name all of it: a slip would give it away.
      const id = ids.know(findId(action.id, filed.map(({ cookie }) => cookie.id)));
      const known = entries.find(({ cookie }) => cookie.id === id);
      const cookie = known?.cookie ?? { id };
      await jar.set(key, cookie);
      const shown = `Filed ${id} under ${key.server}, profile ${key.profile}`;
      return { json: { ...key, cookie }, shown };
    }
    case "jar clear": {
      const server = action.server && serverKey(action.server);
      const meant = entries.filter((entry) => isMeant(entry, server, context.profile));
      for (const entry of meant) await jar.delete(entry, entry.cookie.id);
      const many = meant.length === 1 ? "1 cookie" : `${meant.length} cookies`;
      return { json: { cleared: meant }, shown: `Took out ${many}` };
    }
    default:
      return kind satisfies never;
  }
}

/** Can somebody be reached by this name? */
function namesServer(name: string): boolean {
  return /^(https?:\/\/|\[)/.test(name);
}

function isMeant(entry: JarEntry, server: string | undefined, profile: string | undefined) {
  return (server ?? entry.server) === entry.server && (profile ?? entry.profile) === entry.profile;
}

function listed(entries: readonly JarEntry[]): Report {
  if (entries.length === 0) return { json: { cookies: [] }, shown: "There are no cookies" };
  const rows = entries.map(({ server, profile, cookie }) => {
    const { title, expires } = about(cookie);
    // The server's clock may be another, and only the server knows whether the session has ended.
    const isPast = cookie.expiry !== undefined && Date.parse(cookie.expiry) <= Date.now();
    const when = isPast ? `${expires} (past by this machine's clock)` : expires;
    return [cookie.id, profile, when, title, server];
  });
  return {
    json: { cookies: entries },
    shown: [["ID", "PROFILE", "EXPIRES", "TITLE", "SERVER"], ...rows],
  };
}
