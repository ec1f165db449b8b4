/** State in the cookie over runs of the sessions command. */

import { assertEquals } from "@std/assert";
import { startFixture } from "../../support/client/client_fixture.ts";
import { User } from "../../support/client/client_sessions.ts";

Deno.test("sessions: the next run has the state in the cookie", async () => {
  await using user = await User.create();
  await using fixture = await startFixture("http", "--in-cookie");
  const url = ["--url", fixture.url];
  await user.does("create", ...url);
  await user.does("call", "keep", '{"text":"precious"}', ...url);
  assertEquals(await user.does("call", "kept", ...url), "precious\n");
  await user.does("resume", ...url);
  assertEquals(await user.does("call", "kept", ...url), "precious\n");
  await fixture.kill();
  await fixture.start();
  assertEquals(await user.does("call", "kept", ...url), "precious\n");
  await user.fails(1, "resume", ...url);
  assertEquals(await user.does("call", "kept", ...url), "precious\n");
});
