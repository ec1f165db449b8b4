/**
 * Commands on the jar alone.
 *
 * @module
 */

import type { JarEntry } from "../jar/cookie_jar.ts";
import type { FileJar } from "../jar/file_jar.ts";
import { serverKey } from "../jar/server_key.ts";
import type { JarAction } from "./flags.ts";
import { lookUpId } from "./id_lookup.ts";
import type { IdRedactor } from "./id_redactor.ts";
import type { Report } from "./report.ts";
import { jarTable } from "./list_columns.ts";

export interface JarContext {
  readonly jar: FileJar;
  /** `undefined` for every profile. */
  readonly profile: string | undefined;
  readonly ids: IdRedactor;
}

export async function runOnJar(action: JarAction, context: JarContext): Promise<Report> {
  const { jar, ids, profile } = context;
  const entries = await jar.list();
  for (const { cookie } of entries) ids.add(cookie.id);
  const { kind } = action;
  switch (kind) {
    case "jar list": {
      const cookies = entries.filter((entry) => isSelected(entry, undefined, profile));
      const shown = cookies.length === 0 ? "There are no cookies" : jarTable(cookies);
      return { json: { cookies }, shown };
    }
    case "jar use": {
      const key = { server: serverKey(action.server), profile: profile ?? "default" };
      const filed = entries.filter(({ server }) => server === key.server);
      if (filed.length === 0 && !/^(https?:\/\/|\[)/.test(key.server)) {
        throw new Error(
          `${key.server} is no server: give a URL such as http://127.0.0.1:8765/mcp, or what ` +
            "jar list has",
        );
      }
      // Only a whole id moves a session between servers: a slip would give it away.
      const id = ids.add(lookUpId(action.id, filed.map(({ cookie }) => cookie.id)));
      const known = entries.find(({ cookie }) => cookie.id === id);
      const cookie = known?.cookie ?? { id };
      await jar.set(key, cookie);
      const shown = `Filed ${id} under ${key.server}, profile ${key.profile}`;
      return { json: { ...key, cookie }, shown };
    }
    case "jar clear": {
      const server = action.server && serverKey(action.server);
      const cleared = entries.filter((entry) => isSelected(entry, server, profile));
      for (const entry of cleared) await jar.delete(entry, entry.cookie.id);
      const count = cleared.length === 1 ? "1 cookie" : `${cleared.length} cookies`;
      return { json: { cleared }, shown: `Took out ${count}` };
    }
    default:
      return kind satisfies never;
  }
}

function isSelected(entry: JarEntry, server: string | undefined, profile: string | undefined) {
  return (server ?? entry.server) === entry.server && (profile ?? entry.profile) === entry.profile;
}
