/**
 * A thousand hostile requests on each transport, beside a client at work: no crash, no hang, no leak,
 * and no response that is not JSON-RPC and HTTP. The requests follow from a seed; TEST_SEED repeats
 * that of a failure.
 */

import { testSeed } from "../support/random.ts";
import { attackHttp } from "./over_http.ts";
import { attackStdio } from "./over_stdio.ts";

const server = new URL("../fixtures/policies.ts", import.meta.url);
const options = { server, requests: 1000, answerMs: 20_000 };

for (const handles of [false, true]) {
  for (const stateful of [false, true]) {
    const flags = [...stateful ? ["--stateful"] : [], ...handles ? ["--handles"] : []];
    Deno.test({
      name: `hostile client over ${["http", ...flags].join(" ")}: harms no other client`,
      // Windows has no signal to stop the server with.
      ignore: Deno.build.os === "windows",
      async fn() {
        const seed = testSeed();
        console.log(`TEST_SEED=${seed}`);
        await attackHttp({ ...options, seed, stateful, handles });
      },
    });
  }

  Deno.test(`hostile client over stdio${handles ? " --handles" : ""}: harms no other client`, async () => {
    const seed = testSeed();
    console.log(`TEST_SEED=${seed}`);
    await attackStdio({ ...options, seed, handles });
  });
}
