/** The lines of a server's audit log. */

import { assertMatch } from "@std/assert";
import { sha256 } from "../../../runtime/sha256.ts";

export interface AuditLine {
  readonly time: string;
  readonly server: string;
  readonly event: string;
  readonly session?: string;
  readonly id?: string;
  readonly principal?: string | null;
  readonly address?: string;
  readonly via?: string;
  readonly from?: string;
  readonly reason?: string;
  readonly status?: number;
  readonly count?: number;
}

/** Reads an audit log, each line of which is whole. */
export async function auditLines(...paths: string[]): Promise<AuditLine[]> {
  const texts = await Promise.all(paths.map((path) => Deno.readTextFile(path)));
  return texts.join("").split("\n").filter((line) => line !== "").map((line) => {
    assertMatch(line, /^\{"time":"\d{4}-[^"]+Z","server":"[\x20-\x7e]*\}$/);
    return JSON.parse(line);
  });
}

/** How the log names an id. */
export const hashOf = (id: string) => sha256(id).slice(0, 16);
