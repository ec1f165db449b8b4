import { assert, assertEquals, assertRejects } from "@std/assert";
import { JournalError } from "../../../store/journal/journal_error.ts";
import { FileLock } from "../../../store/journal/lock.ts";
import { tempFolder } from "../../support/store/stores.ts";

Deno.test("FileLock: excludes other holders, until a timeout or their release", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/file`;
  const options = {
    warn: (text: string) => assert(false, text),
    lockTimeoutMs: 20,
    modeMask: 0o600,
  };
  const [one, other] = [new FileLock(path, options), new FileLock(path, options)];
  await one.acquire();
  const { code } = await assertRejects(() => other.acquire(), JournalError, `${path}.lock`);
  assertEquals([code, other.isFree()], ["locked", false]);
  one.release();
  await other.acquire();
  assertEquals(one.isFree(), false);
  other.release();
  assertEquals(one.isFree(), true);
  for (const lock of [one, other]) lock.close();
});

Deno.test("FileLock: all holders see its epoch", async () => {
  await using folder = await tempFolder();
  const options = { warn: () => {}, lockTimeoutMs: 1000, modeMask: 0o600 };
  const [one, other] = [0, 1].map(() => new FileLock(`${folder.path}/file`, options));
  const before = other!.epoch;
  await one!.acquire();
  one!.bumpEpoch();
  one!.release();
  assertEquals(other!.epoch, before + 1);
  for (const lock of [one, other]) lock!.close();
});
