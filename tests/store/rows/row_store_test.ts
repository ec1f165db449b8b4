import { MemoryPlace, MemoryRows } from "../../support/store/memory_rows.ts";
import { RowStore } from "../../../store/rows/row_store.ts";
import { testSessionStore } from "../../../store/conformance/mod.ts";

const places = new Map<string, MemoryPlace>();

testSessionStore("RowStore", ({ folder, namespace, ...options }) => {
  const place = places.getOrInsertComputed(`${folder} ${namespace}`, () => new MemoryPlace());
  const rows = new MemoryRows(place);
  return new RowStore({ name: "The test", rows, countsBytes: true }, options);
});
