import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { openStore } from "../../../store/mod.ts";
import { parsePostgresUrl, tlsOptions } from "../../../store/postgres/postgres_url.ts";

Deno.test("parsePostgresUrl() reads all parts of a URL, and has the name without its user", () => {
  assertEquals(parsePostgresUrl("postgres://ann:s%40%2Fy@db.example:6543/my%20app"), {
    name: "PostgreSQL at db.example:6543/my app",
    host: "db.example",
    port: 6543,
    user: "ann",
    password: "s@/y",
    database: "my app",
    tls: undefined,
  });
  const { host, port, database, name, password } = parsePostgresUrl("postgresql://ann@[::1]");
  assertEquals([host, port, database, password], ["::1", 5432, "ann", undefined]);
  assertEquals(name, "PostgreSQL at ::1:5432");
  assertEquals(parsePostgresUrl("postgres://ann@%2Frun%2Fsockets/app").host, "/run/sockets");
});

Deno.test("parsePostgresUrl() takes the modes of TLS that hold what they promise", () => {
  const tls = (query: string) => parsePostgresUrl(`postgres://ann@db.example/app?${query}`).tls;
  assertEquals(tls("sslmode=disable"), undefined);
  assertEquals(tls("sslmode=require"), { checks: "nothing", authority: undefined });
  assertEquals(tls("sslmode=verify-ca&sslrootcert=ca.pem"), {
    checks: "authority",
    authority: "ca.pem",
  });
  assertEquals(tlsOptions(tls("sslmode=verify-full")!), { rejectUnauthorized: true });
  assertEquals(tlsOptions(tls("sslmode=require")!), { rejectUnauthorized: false });
});

Deno.test.each([
  ["postgres://ann:hunter2@db.example/app?sslmode=prefer", "sslmode is none of"],
  ["postgres://ann:hunter2@db.example/app?sslrootcert=ca.pem", "sslrootcert needs"],
  ["postgres://ann:hunter2@db.example/app?ssl=true", 'no parameter "ssl"'],
  ["postgres://db.example/app", "names no user"],
  ["postgres://ann:hunter2/x@db.example:port/app", "it is no URL"],
  ["postgres://ann:hunter2%@db.example/app", "a % that begins no sign"],
  ["postgres:hunter2", "names no user"],
])(
  "openStore() refuses a URL of PostgreSQL in plain words, without its secrets: %s",
  async (url, why) => {
    const error = await assertRejects(() => openStore(url, { namespace: "test" }), TypeError);
    assert(error.message.includes(why), error.message);
    assert(!Deno.inspect(error).includes("hunter2"));
    assertThrows(() => parsePostgresUrl(url), TypeError);
    assertMatch(error.message, /write postgres:\/\/USER:PASSWORD@HOST:PORT\/DATABASE$/);
  },
);
