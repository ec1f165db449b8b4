/** The suite that holds every backend's rows to the contract in `store/rows/rows.ts`. */

import type { Rows } from "../../../store/rows/rows.ts";
import { batchCases } from "./rows_batch_cases.ts";
import { commitCases } from "./rows_commit_cases.ts";
import { placeCases } from "./rows_place_cases.ts";
import { readCases } from "./rows_read_cases.ts";
import { tempFolder } from "../temp_folder.ts";
import type { OpenRows } from "./rows_cases.ts";

export type { OpenRows };

/**
 * Registers a `Deno.test` for each promise of the contract.
 *
 * @param name The backend's name, with which the names of the tests begin.
 * @param open Opens rows. Those of the same folder and namespace are the same rows; each test has a
 * folder of its own. A backend that needs no folder takes its name as a part of the namespace, or of
 * the database's name.
 */
export function testRows(name: string, open: OpenRows) {
  for (const each of [...readCases, ...commitCases, ...batchCases, ...placeCases]) {
    Deno.test(`${name}: ${each.name}`, async () => {
      await using folder = await tempFolder();
      await using opened = new AsyncDisposableStack();
      await each.test(async (namespace = "test") => {
        const rows: Rows = await open({ folder: folder.path, namespace });
        opened.defer(() => rows.close());
        return rows;
      });
    });
  }
}
