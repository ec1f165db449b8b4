/**
 * The owner that an operator means: a whole principal, or its user where one principal alone has that user.
 *
 * @module
 */

import { userOf } from "../../protocol/principal.ts";
import type { StoreInspector } from "../inspection.ts";
import type { Filter } from "./command_line.ts";
import { failure, type Report } from "./report.ts";
import { ownerOf, serversOf } from "./sessions.ts";

const PAGE = 500;

/** The filter with a principal in place of its user, or why it could be several. */
export async function withPrincipal(
  inspector: StoreInspector,
  filter: Filter,
): Promise<Filter | Report> {
  const { owner } = filter;
  if (owner == null) return filter;
  const found = new Set<string>();
  for (const namespace of await serversOf(inspector, filter)) {
    const itself = await inspector.sessions({ namespace, owner, limit: 1 });
    if (itself.length > 0) return filter;
    for await (const each of ownersOf(inspector, namespace)) {
      if (userOf(each) === owner) found.add(each);
    }
  }
  const [one, another] = found;
  if (one === undefined || another === undefined) return { ...filter, owner: one ?? owner };
  const table = [["OWNER"], ...Array.from(found, (each) => [ownerOf(each)])];
  return failure(`More than one owner is ${owner}: name one of them`, table);
}

async function* ownersOf(inspector: StoreInspector, namespace: string): AsyncGenerator<string> {
  for (let after: string | null = null;;) {
    const page = await inspector.owners({ namespace, after, limit: PAGE });
    for (const { owner } of page) if (owner !== null) yield owner;
    after = page.at(-1)?.owner ?? null;
    if (after === null || page.length < PAGE) return;
  }
}
