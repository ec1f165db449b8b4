import { assert, assertEquals, assertThrows } from "@std/assert";
import { openStore } from "../../../store/mod.ts";
import { redisPlace } from "../../../store/redis/url.ts";

const place = { host: "h", port: 6379, tls: false, database: 0, allowsEvicting: false };

for (
  const [url, expected] of [
    ["redis://h", place],
    ["redis://h/", place],
    ["rediss://h:1/15", { ...place, tls: true, port: 1, database: 15 }],
    ["redis://:p%40%2Fä@h", { ...place, password: "p@/ä" }],
    ["redis://me:p@h?evicting=allow", {
      ...place,
      username: "me",
      password: "p",
      allowsEvicting: true,
    }],
    ["redis://[::1]:7", { ...place, host: "::1", port: 7 }],
  ] as const
) {
  Deno.test(`redisPlace() reads ${url}`, () => assertEquals(redisPlace(url), expected));
}

for (
  const url of [
    "redis:",
    "redis:h",
    "redis://",
    "redis://:s3cret@",
    "redis://:s3/cret@h",
    "redis://:s3#cret@h",
    "redis://:s3?cret@h",
    "redis://:s3%cret@h",
    "redis://s3cret@h",
    "redis://:s3cret@h:99999",
    "redis://:s3cret@h/name",
    "redis://:s3cret@h/0/1",
    "redis://:s3cret@h?evicting=no",
    "redis://:s3cret@h?evict=allow",
    "redis://:s3cret@h?password=s3cret",
  ]
) {
  Deno.test(`openStore() refuses ${url}, and does not show it`, async () => {
    const error = assertThrows(() => redisPlace(url), TypeError);
    assert(error.message.startsWith("Cannot open a store as "));
    assert(!/s3|cret/.test(Deno.inspect(error, { depth: 10 })), error.message);
    await openStore(url, { namespace: "test" }).then(
      () => assert(false),
      ({ message }) => assertEquals(message, error.message),
    );
  });
}
