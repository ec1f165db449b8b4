import { assert, assertEquals, assertMatch } from "@std/assert";
import { errnoOf } from "../../../store/journal/errno.ts";
import { fileError } from "../../../store/journal/fs.ts";
import { JournalError } from "../../../store/journal/journal_error.ts";
import { type Errno, ERRNOS, systemError } from "../../support/system_faults.ts";

Deno.test("errnoOf() names errors that Deno gives with a code, or only by number", () => {
  for (const os of ["linux", "darwin"] as const) {
    for (const errno of ERRNOS) assertEquals(errnoOf(systemError(errno, os), os), errno);
  }
  assertEquals(errnoOf(new Error("There is not enough space (os error 112)"), "windows"), "ENOSPC");
  for (const other of ["EIO", undefined, new Error("(os error 9999)"), new Error("full")]) {
    assertEquals(errnoOf(other), undefined);
  }
});

Deno.test("fileError() is full without room, and unavailable with a remedy for all else", () => {
  const cases: [Errno, "full" | "unavailable", RegExp][] = [
    ["ENOSPC", "full", /no room left; free some/],
    ["EDQUOT", "full", /quota/],
    ["EFBIG", "full", /ulimit -f/],
    ["EACCES", "unavailable", /change the modes/],
    ["EPERM", "unavailable", /change the modes/],
    ["EMFILE", "unavailable", /too many files are open/],
    ["ENFILE", "unavailable", /too many files are open/],
    ["ENOLCK", "unavailable", /no locks to give; use a place on a local disk/],
    ["EIO", "unavailable", /Input\/output error/],
    ["ESTALE", "unavailable", /Stale file handle/],
  ];
  for (const [errno, code, remedy] of cases) {
    const cause = systemError(errno);
    const error = fileError("Cannot write to x", cause);
    assert(error instanceof JournalError);
    assertEquals([error.code, error.cause], [code, cause]);
    assertMatch(error.message, remedy);
  }
});
