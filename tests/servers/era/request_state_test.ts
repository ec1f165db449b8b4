/** The codec of `requestState`. */

import { assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type BoundRequest,
  importSealingKey,
  newNonce,
  openState,
  type RequestState,
  sealState,
  StateError,
} from "../../../servers/base/era/request_state.ts";
import { checkKeyLength } from "../../../servers/base/era/request_state_limits.ts";

const KEY = await importSealingKey(new Uint8Array(32).fill(1));
const OTHER_KEY = await importSealingKey(new Uint8Array(32).fill(2));
const NOW = 1_000_000;

const REQUEST: BoundRequest = {
  server: "greeter",
  owner: '["iss","client","sub"]',
  method: "tools/call",
  params: { name: "greet", arguments: { a: 1, b: { c: [1, { d: 2, e: 3 }] } } },
};

const STATE: RequestState = {
  nonce: newNonce(),
  expiresAt: NOW + 1,
  session: "sess-1",
  asked: ["a"],
  answers: [["__proto__", [{ action: "accept" }, null]]],
};

function refused(text: string, request = REQUEST, now = NOW): Promise<StateError> {
  return assertRejects(() => openState([KEY], text, request, now), StateError);
}

Deno.test("openState: gives back what was sealed, and no two seals are the same", async () => {
  const [one, other] = await Promise.all([1, 2].map(() => sealState(KEY, STATE, REQUEST)));
  assertNotEquals(one, other);
  for (const text of [one, other]) {
    assertEquals(await openState([OTHER_KEY, KEY], text ?? "", REQUEST, NOW), STATE);
  }
});

Deno.test("openState: refuses a change of any character, and every shorter text", async () => {
  const text = await sealState(KEY, STATE, REQUEST);
  const alphabet = "ABab01-_.=~ ";
  for (let at = 0; at < text.length; at++) {
    await refused(text.slice(0, at));
    for (const other of alphabet) {
      if (text[at] !== other) await refused(text.slice(0, at) + other + text.slice(at + 1));
    }
  }
  for (const added of ["A", "=", "==", ".", " ", "\n", "-TAMPERED"]) await refused(text + added);
});

Deno.test("openState: refuses another bit of the sealed bytes, also in a spelling of the same bytes", async () => {
  const text = await sealState(KEY, STATE, REQUEST);
  const [version, id, base64 = ""] = text.split(".");
  const bytes = Uint8Array.fromBase64(base64, { alphabet: "base64url" });
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = bytes.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    const spelled = changed.toBase64({ alphabet: "base64url", omitPadding: true });
    await refused([version, id, spelled].join("."));
  }
  for (const spelled of [bytes.toBase64({ alphabet: "base64url" }) + "=", ` ${base64}`]) {
    await refused([version, id, spelled].join("."));
  }
});

Deno.test("openState: refuses another request, and a late one", async () => {
  const text = await sealState(KEY, STATE, REQUEST);
  const { params } = REQUEST;
  for (
    const request of [
      { ...REQUEST, server: "other" },
      { ...REQUEST, owner: null },
      { ...REQUEST, owner: '["iss","client","other"]' },
      { ...REQUEST, method: "prompts/get" },
      { ...REQUEST, params: { ...params, name: "other" } },
      { ...REQUEST, params: { name: "greet" } },
      { ...REQUEST, params: { ...params, arguments: { a: 1, b: { c: [1, { d: 2, e: 4 }] } } } },
      { ...REQUEST, params: { ...params, ["__proto__"]: 1 } },
    ]
  ) await refused(text, request);
  await refused(text, REQUEST, STATE.expiresAt);
});

Deno.test("openState: takes no two values for one", async () => {
  const values = [null, Infinity, -Infinity, "Infinity", { number: "Infinity", "": null }];
  const requests = values.map((value) => ({ ...REQUEST, params: { arguments: { value } } }));
  for (const [index, request] of requests.entries()) {
    const text = await sealState(KEY, STATE, request);
    for (const other of requests.toSpliced(index, 1)) await refused(text, other);
    assertEquals(await openState([KEY], text, request, NOW), STATE);
  }
});

Deno.test("openState: the order of members does not matter", async () => {
  const text = await sealState(KEY, STATE, REQUEST);
  const params = { arguments: { b: { c: [1, { e: 3, d: 2 }] }, a: 1 }, name: "greet" };
  assertEquals(await openState([KEY], text, { ...REQUEST, params }, NOW), STATE);
});

Deno.test("openState: refuses a state of another key, also under the name of a known one", async () => {
  const text = await sealState(OTHER_KEY, STATE, REQUEST);
  await refused(text);
  await refused(text.replace(OTHER_KEY.id, KEY.id));
});

Deno.test("checkKeyLength: refuses a key that has not 32 bytes", async () => {
  for (const length of [0, 16, 31, 33]) {
    assertThrows(() => checkKeyLength(new Uint8Array(length)), RangeError, `has ${length}`);
    await assertRejects(() => importSealingKey(new Uint8Array(length)), RangeError);
  }
});
