/**
 * `rm`: ends a session, or all of an owner.
 *
 * @module
 */

import { sizeOf } from "../../runtime/quantities.ts";
import { UsageError } from "../../runtime/flags.ts";
import { openInspector, openStore } from "../open.ts";
import type { Command } from "./command_line.ts";
import { eachAtOnce } from "./each_at_once.ts";
import { withPrincipal } from "./owners.ts";
import { failure, forPeople, type Io, type Report } from "./report.ts";
import { findAgain, findSession, type ServedSession, sessionsOf, walk } from "./sessions.ts";

export async function remove(command: Command & { kind: "rm" }, io: Io): Promise<Report> {
  const { url, filter: { owner }, yes } = command;
  if (!yes && io.ask === undefined) {
    throw new UsageError("rm asks first, and there is no terminal to ask on: give --yes");
  }
  const chosen = await choose(command);
  if ("shown" in chosen) return chosen;
  const { found } = chosen;
  if (found.length === 0) {
    const hint = owner == null ? "" : ": name an owner as ls shows it, or give --anonymous";
    return failure(`There is no session ${whose(owner)}${hint}`);
  }
  if (!yes && !await io.ask?.(forPeople(question(found, chosen.owner)))) {
    return failure("Nothing was ended");
  }
  const ended = await endAll(url, found);
  if (ended === 0) return failure("It has just ended by itself");
  return { json: { ended }, shown: [`Ended ${sessionsOf(ended)}.`] };
}

/** The sessions that are meant, with their owner if all of one are; or why they are not known. */
async function choose(
  { url, session: beginning, filter, yes }: Command & { kind: "rm" },
): Promise<{ found: readonly ServedSession[]; owner?: string | null | undefined } | Report> {
  await using inspector = await openInspector(url);
  if (beginning !== undefined) {
    const session = await findSession(inspector, filter, beginning);
    return "shown" in session ? session : { found: [session] };
  }
  const meant = await withPrincipal(inspector, filter);
  if ("shown" in meant) return meant;
  const { owner } = meant;
  // Nobody is asked whether it is this one.
  if (yes && owner !== filter.owner) {
    return failure(`With --yes an owner is named whole: ${filter.owner} is ${owner}`);
  }
  return { found: await Array.fromAsync(walk(inspector, meant)), owner };
}

function question(found: readonly ServedSession[], owner: string | null | undefined): string {
  const [first] = found;
  if (owner !== undefined || first === undefined) {
    return `End ${sessionsOf(found.length)} ${whose(owner)}, with their states?`;
  }
  const { record, namespace, bytes } = first;
  const title = record.data["title"] ?? "";
  return `End session ${record.stateId} "${title}" ${
    whose(record.owner)
  } on ${namespace}, with its ` +
    `state of ${sizeOf(bytes)}?`;
}

function whose(owner: string | null | undefined): string {
  return owner == null ? "of nobody" : `of ${owner}`;
}

/** @returns The number of sessions that were live until now. */
async function endAll(url: string, sessions: readonly ServedSession[]): Promise<number> {
  let ended = 0;
  for (let left = sessions; left.length > 0;) {
    const missed: ServedSession[] = [];
    for (const [namespace, ofServer] of Map.groupBy(left, ({ namespace }) => namespace)) {
      await using store = await openStore(url, { namespace, warn: () => {} });
      await eachAtOnce(ofServer.values(), async (session) => {
        if (await store.delete(session.record.id)) ended++;
        else missed.push(session);
      });
    }
    left = await renewed(url, missed);
  }
  return ended;
}

/** Those of these sessions that were given another id just now: whoever has it must not stay. */
async function renewed(
  url: string,
  sessions: readonly ServedSession[],
): Promise<readonly ServedSession[]> {
  if (sessions.length === 0) return [];
  await using inspector = await openInspector(url);
  const found: ServedSession[] = [];
  for (const { namespace, record } of sessions) {
    const now = await findAgain(inspector, namespace, record);
    if (now !== undefined && now.record.id !== record.id) found.push({ ...now, namespace });
  }
  return found;
}
