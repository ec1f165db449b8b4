/**
 * The state machine of a store's file: each line changes the table of a namespace.
 *
 * @module
 */

import type { Json } from "../../runtime/json.ts";
import { decideDrop } from "../table/commands.ts";
import { type Change, SessionTable } from "../table/session_table.ts";
import type { Append, StateMachine } from "../journal/journal.ts";
import type { EncodedWrite, SessionRecord } from "../session_store.ts";

/** The sessions in a file, by namespace. */
export type Tables = Map<string, SessionTable>;

const DROPS_PER_LINE = 1000;

export function getTable(tables: Tables, namespace: string): SessionTable {
  let table = tables.get(namespace);
  if (table === undefined) tables.set(namespace, table = new SessionTable());
  return table;
}

/** Makes changes that belong together, as one line. */
export function applyChanges(
  tables: Tables,
  namespace: string,
  changes: readonly Change[],
): Append {
  const table = getTable(tables, namespace);
  const undos = changes.map((change) => table.apply(change));
  return {
    contents: changes.length > 0 ? [encode(namespace, changes)] : [],
    undo: () => undos.reverse().forEach((undo) => undo()),
  };
}

export function sessionStateMachine(now: () => number): StateMachine<Tables> {
  return {
    format: "mcp-sessions",
    version: 1,
    // To drop a missing session changes nothing. No server's name is empty.
    mark: ['["",["drop","",', "]]"],
    empty: () => new Map(),
    apply(tables, content) {
      const [namespace, ...changes] = decode(content);
      const table = getTable(tables, namespace);
      for (const change of changes) table.apply(change);
    },
    *snapshot(tables) {
      for (const [namespace, table] of tables) {
        for (const change of table.changes()) yield encode(namespace, [change]);
      }
    },
    tidy(tables) {
      const appends: Append[] = [];
      for (const [namespace, table] of tables) {
        const drops = decideDrop(table.purgeable(now()));
        for (let i = 0; i < drops.length; i += DROPS_PER_LINE) {
          appends.push(applyChanges(tables, namespace, drops.slice(i, i + DROPS_PER_LINE)));
        }
      }
      return {
        contents: appends.flatMap(({ contents }) => contents),
        undo: () => appends.reverse().forEach((append) => append.undo()),
      };
    },
  };
}

// A line is `[namespace, change, …]`, and a change is
//   ["put", record]
//   ["use", stateId, toolCalls, expiresAt, [key, value], [key of a deleted one], …]
//   ["drop", stateId]
// The values are JSON text already.
function encode(namespace: string, changes: readonly Change[]): string {
  return `[${[JSON.stringify(namespace), ...changes.map(encodeChange)].join(",")}]`;
}

function encodeChange(change: Change): string {
  const { kind } = change;
  switch (kind) {
    case "put":
      return `["put",${JSON.stringify(change.record)}]`;
    case "use": {
      const writes = change.writes.map(([key, json]) =>
        json === undefined ? `,[${JSON.stringify(key)}]` : `,[${JSON.stringify(key)},${json}]`
      );
      const { stateId, toolCalls, expiresAt } = change;
      return `["use",${JSON.stringify(stateId)},${toolCalls},${expiresAt}${writes.join("")}]`;
    }
    case "drop":
      return `["drop",${JSON.stringify(change.stateId)}]`;
    default:
      return kind satisfies never;
  }
}

/** A parse guard that checks only the kinds of changes: the checksum has shown that the line is ours. */
function decode(content: unknown): [string, ...Change[]] {
  const [namespace, ...changes] = content as [string, ...[string, ...unknown[]][]];
  if (typeof namespace !== "string") throw new TypeError("A line must begin with its namespace");
  return [namespace, ...changes.map(decodeChange)];
}

function decodeChange([kind, ...rest]: [string, ...unknown[]]): Change {
  switch (kind) {
    case "put":
      return { kind, record: rest[0] as SessionRecord };
    case "use": {
      const [stateId, toolCalls, expiresAt, ...writes] = rest as [
        string,
        number,
        number,
        ...(readonly [key: string] | readonly [key: string, value: Json])[],
      ];
      return { kind, stateId, toolCalls, expiresAt, writes: writes.map(decodeWrite) };
    }
    case "drop":
      return { kind, stateId: rest[0] as string };
    default:
      throw new TypeError(`There is no change of the kind ${JSON.stringify(kind)}`);
  }
}

function decodeWrite(write: readonly [key: string, value?: Json]): EncodedWrite {
  return [write[0], write.length === 1 ? undefined : JSON.stringify(write[1])];
}
