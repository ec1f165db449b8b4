import { assertEquals, assertThrows } from "@std/assert";
import { cookieKeys, withCookieUnder } from "../../protocol/cookie_keys.ts";
import { WireError } from "../../protocol/errors.ts";

const LEGACY = "mcp/session";
const MODERN = "io.github.mcp-sessions/session";

type Body = Record<string, unknown>;

Deno.test.each<readonly [meta: unknown, keys: string[]]>([
  [undefined, []],
  [null, []],
  [[LEGACY], []],
  [{}, []],
  [Object.create({ [LEGACY]: { id: "a" } }), []],
  [{ [LEGACY]: { id: "a" } }, [LEGACY]],
  [{ [LEGACY]: null }, [LEGACY]],
  [{ [MODERN]: { id: "a" } }, [MODERN]],
  [{ [MODERN]: null }, [MODERN]],
  [{ [MODERN]: "malformed" }, [MODERN]],
  [{ [LEGACY]: { id: "a" }, [MODERN]: { id: "a", expiry: "later" } }, [LEGACY, MODERN]],
  [{ [LEGACY]: null, [MODERN]: { id: "a" } }, [LEGACY, MODERN]],
  [{ [LEGACY]: { id: "a" }, [MODERN]: null }, [LEGACY, MODERN]],
  [{ [LEGACY]: null, [MODERN]: null }, [LEGACY, MODERN]],
])("cookieKeys: %j has %j", (_meta, keys) => {
  assertEquals([...cookieKeys({ _meta })], keys);
});

Deno.test.each<readonly [legacy: unknown, modern: unknown]>([
  [{ id: "a" }, { id: "b" }],
  [{ id: "a" }, "a"],
  [{ id: "a" }, {}],
  [{}, {}],
  [7, { id: "b" }],
  [{ id: ["a"] }, { id: ["a"] }],
])("cookieKeys: refuses %j under one key and %j under the other", (legacy, modern) => {
  const params = { _meta: { [LEGACY]: legacy, [MODERN]: modern } };
  const error = assertThrows(() => cookieKeys(params), WireError);
  assertEquals([error.code, error.message], [
    -32602,
    `params._meta["${LEGACY}"] and params._meta["${MODERN}"] name different sessions: send one`,
  ]);
});

Deno.test("withCookieUnder: moves a cookie to other keys, and leaves the original as it is", () => {
  const body: Body = { content: [], _meta: { [LEGACY]: { id: "a" }, other: 1 } };
  const cookie = { id: "a" };
  assertEquals(withCookieUnder(body, LEGACY, [MODERN]), {
    content: [],
    _meta: { [MODERN]: cookie, other: 1 },
  });
  assertEquals(withCookieUnder(body, LEGACY, [LEGACY, MODERN])._meta, {
    [LEGACY]: cookie,
    [MODERN]: cookie,
    other: 1,
  });
  assertEquals(withCookieUnder(body, LEGACY, [])._meta, { other: 1 });
  assertEquals(body._meta, { [LEGACY]: cookie, other: 1 });
});

Deno.test("withCookieUnder: moves null, which says that a session is gone", () => {
  const body: Body = { _meta: { [LEGACY]: null } };
  assertEquals(withCookieUnder(body, LEGACY, [MODERN]), { _meta: { [MODERN]: null } });
});

Deno.test("withCookieUnder: gives back what has no cookie under the key", () => {
  for (const body of [{}, { _meta: {} }, { _meta: { [MODERN]: { id: "a" } } }, { _meta: "x" }]) {
    assertEquals(withCookieUnder(body, LEGACY, [MODERN]), body);
  }
});
