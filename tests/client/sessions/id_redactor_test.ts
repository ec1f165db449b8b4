import { assertEquals } from "@std/assert";
import { IdRedactor } from "../../../client/sessions/id_redactor.ts";

const OWN = `sess-${"0123456789abcdef".repeat(2)}`;
const FOREIGN = "9d1c7b60-aaaa-4bbb-8ccc-0123456789ab";

Deno.test("IdRedactor: cuts ids of our form, and known ids of any form", () => {
  const ids = new IdRedactor(false);
  assertEquals(ids.redact(`${OWN}, ${FOREIGN}`), `sess-01234567, ${FOREIGN}`);
  assertEquals(ids.add(FOREIGN), FOREIGN);
  assertEquals(ids.redact(`(${FOREIGN}${OWN})`), "(9d1c7b60-aaaasess-01234567)");
});

Deno.test("IdRedactor: leaves short ids alone, which occur in ordinary words", () => {
  const ids = new IdRedactor(false);
  ids.add("a");
  assertEquals(ids.redact("a cat"), "a cat");
});

Deno.test("IdRedactor: leaves every text as it is with full", () => {
  assertEquals(new IdRedactor(true).redact(OWN), OWN);
});
