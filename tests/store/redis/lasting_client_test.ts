import { assertEquals } from "@std/assert";
import { createClient } from "@redis/client";
import { LastingClient } from "../../../store/redis/lasting_client.ts";

Deno.test("LastingClient: one that is given up as it connects keeps no connection", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const socket = { host: "127.0.0.1", port: listener.addr.port, reconnectStrategy: false as const };
  const client = new LastingClient(() =>
    createClient({ socket, RESP: 2, disableClientInfo: true, maintNotifications: "disabled" })
  );
  const opening = client.open();
  client.reopen();
  client.destroy();
  for (let i = 0; i < 2; i++) {
    using connection = await listener.accept();
    assertEquals(await connection.read(new Uint8Array(1)), null);
  }
  await opening.catch(() => {});
});
