import { KvConnect } from "../../support/kv_connect/kv_connect.ts";
import { TOKEN } from "../../support/kv_connect/process.ts";
import { CONFORMANCE, FAILURES, ROWS, runWithToken } from "../../support/kv_connect/suite.ts";

Deno.test("KvStore, remote: passes the conformance kit", async () => {
  await using endpoint = new KvConnect({ token: TOKEN });
  await runWithToken(CONFORMANCE, { TEST_KV_URL: endpoint.url });
});

Deno.test("KvStore, remote: a failing remote loses no write, and no call waits for ever", async () => {
  await runWithToken(FAILURES);
});

Deno.test("KvStore, remote: passes the conformance kit while answers are lost", async () => {
  await using endpoint = new KvConnect({ token: TOKEN });
  let writes = 0;
  endpoint.fault = (call) => call === "atomic_write" && ++writes % 11 === 0 ? "lose" : undefined;
  await runWithToken(CONFORMANCE, { TEST_KV_URL: endpoint.url });
});

Deno.test("KvRows, remote: passes the suite of rows, also while answers are lost", async () => {
  await runWithToken(ROWS);
});
