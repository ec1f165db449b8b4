import { assert, assertEquals, assertMatch } from "@std/assert";
import { encodeEntry } from "../../../store/journal/line_codec.ts";
import { SyncMarks } from "../../../store/journal/sync_marks.ts";
import { FileStore } from "../../../store/mod.ts";
// @ts-types="../../fixtures/store/before_marks.d.ts"
import { FileStore as OldStore } from "../../fixtures/store/before_marks.js";
import { Fixture } from "../../support/store/processes.ts";
import { systemError } from "../../support/system_faults.ts";
import { forEver, put, record, test, wrapped } from "../../support/store/stores.ts";

const namespace = "test";
const MARK = /^\{"n":(\d+),"o": \["",\["drop","",(\d+)(?:,\d+)?\]\],"c":"[0-9a-f]{8}"\}$/;

/** The number that each line marks, or `undefined` for a line that is no mark. */
async function marksIn(path: string): Promise<(string | undefined)[]> {
  const lines = (await Deno.readTextFile(path)).trimEnd().split("\n").slice(1);
  return lines.map((line) => MARK.exec(line)?.[2]);
}

/** A file that tells of each write. */
function telling(tell: (text: string) => void) {
  return (file: Deno.FsFile) =>
    wrapped(file, {
      writeSync: (bytes) => {
        const count = file.writeSync(bytes);
        tell(new TextDecoder().decode(bytes));
        return count;
      },
    });
}

test("FileStore: each batch marks the lines that are fsynced before it, and close() the rest", async ({ path }) => {
  {
    await using store = await FileStore.open(path, { namespace });
    assertEquals(await marksIn(path), ["0"]);
    await store.create(record("sess-1", forEver));
    await Promise.all([put(store, "sess-1", ["a", 1]), put(store, "sess-1", ["b", 2])]);
    const first = (await marksIn(path)).slice(0, 5);
    assertEquals(first, ["0", undefined, "1", undefined, undefined]);
  }
  const marked = ["0", undefined, "1", undefined, undefined, "4"];
  assertEquals(await marksIn(path), marked);
  for (let i = 0; i < 3; i++) await (await FileStore.open(path, { namespace })).close();
  assertEquals(await marksIn(path), marked, "a mark needs no mark");
});

test("FileStore: acknowledged lines are marked soon, without further writes", async ({ path }) => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const wrap = telling((text) => MARK.test(text.trim()) && resolve(text));
  await using store = await FileStore.open(path, { namespace, wrap });
  await store.create(record("sess-1", forEver));
  // The store's timer does not keep a process alive.
  const failsafe = setTimeout(resolve, 60_000, "");
  assertMatch(await promise, /\["drop","",1\]/);
  clearTimeout(failsafe);
  await using other = await FileStore.open(path, { namespace });
  await put(other, "sess-1", ["a", 1]);
  const first = (await marksIn(path)).slice(0, 4);
  assertEquals(first, ["0", undefined, "1", undefined], "which the next batch knows");
});

test("FileStore: open() marks a file of a version without marks", async ({ path }) => {
  {
    await using old = await OldStore.open(path, { namespace });
    await old.create(record("sess-1", forEver));
  }
  assertEquals(await marksIn(path), [undefined]);
  await using _ = await FileStore.open(path, { namespace });
  assertEquals(await marksIn(path), [undefined, "1"]);
});

test("FileStore: a power cut may leave any block of such a file's first mark", async ({ path, folder }) => {
  {
    await using store = await OldStore.open(path, { namespace });
    await store.create(record("sess-1", forEver));
  }
  const { size } = await Deno.stat(path);
  await using opened = await FileStore.open(path, { namespace });
  const marked = await Deno.readFile(path);
  assert(marked.length > size);
  const cut = `${folder}/cut.jsonl`;
  // For each border between two blocks.
  for (let border = size; border <= marked.length; border++) {
    for (const [from, to] of [[size, border], [border, marked.length]]) {
      await Deno.writeFile(cut, marked.slice().fill(0, from, to));
      await using store = await FileStore.open(cut, { namespace, warn: () => {} });
      assert(await store.get("sess-1"));
    }
  }
  assert(await opened.get("sess-1"));
});

test("FileStore: a mark that cannot be written is left out without a trace", async ({ path }) => {
  let refused = 0;
  let isHalf = false;
  const wrap = (file: Deno.FsFile) =>
    wrapped(file, {
      writeSync: (bytes) => {
        if (isHalf) {
          isHalf = false;
          refused++;
          throw systemError("ENOSPC");
        }
        isHalf = MARK.test(new TextDecoder().decode(bytes).trim());
        return file.writeSync(isHalf ? bytes.subarray(0, 20) : bytes);
      },
    });
  {
    await using store = await FileStore.open(path, { namespace, wrap });
    await store.create(record("sess-1", forEver));
  }
  assert(refused > 0);
  assertEquals(await marksIn(path), ["0", undefined]);
});

test("FileStore: close() writes no mark when another process holds the lock", async ({ path }) => {
  // Longer than this test may take.
  const store = await FileStore.open(path, { namespace, lockTimeoutMs: 3_600_000 });
  await store.create(record("sess-1", forEver));
  await using holder = new Fixture("holder", `${path}.lock`);
  assertEquals((await holder.lines.next()).value, "held");
  await store.close();
});

Deno.test("SyncMarks: find() takes no stored value for a mark, and finds marks after bad newlines", () => {
  const marks = new SyncMarks(['["",["drop","",', "]]"]);
  const mark = { n: 7, through: 6, digest: undefined };
  const line = marks.encode(mark).trim();
  const find = (text: string) => [...marks.find(new TextEncoder().encode(text))];
  assertEquals(marks.read(new TextEncoder().encode(line)), mark);
  for (
    const text of [line, `\n${line}\n`, `x${line}\0`, `\0${line}`, `}${line}*`, `é${line}${line}`]
  ) {
    assertEquals(find(text)[0], mark, text);
  }
  const digested = marks.encode({ ...mark, digest: 5 }).trim();
  assertEquals(find(digested), [{ ...mark, digest: 5 }]);
  const value = encodeEntry(
    7,
    `["test",["use","s",1,2,["a",${line}],["b",[${line}]],["c",{"d":${line}}]]]`,
  );
  const text = encodeEntry(7, JSON.stringify(["test", ["use", "s", 1, 2, ["a", line]]]));
  for (const other of [value, text, line.replace("6", "9"), line.replace("drop", "use")]) {
    assertEquals(find(other), [], other);
  }
});
