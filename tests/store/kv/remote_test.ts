import { KvConnect } from "../../support/kv_connect/kv_connect.ts";
import { TOKEN } from "../../support/kv_connect/process.ts";
import { CONFORMANCE, FAILURES, runWithToken } from "../../support/kv_connect/suite.ts";

Deno.test("kv store: a remote one does all that the suite asks of every store", async () => {
  await using endpoint = new KvConnect({ token: TOKEN });
  await runWithToken(CONFORMANCE, { TEST_KV_URL: endpoint.url });
});

Deno.test("kv store: a remote one that fails costs no write, and nobody waits for ever", async () => {
  await runWithToken(FAILURES);
});
