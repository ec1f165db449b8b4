/**
 * A thousand hostile requests, on each transport, while somebody else works: no crash, no hang, no
 * leak, and no answer that is not JSON-RPC and HTTP. What is sent follows from a seed; give the one
 * of a failure again with TEST_SEED.
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
      name: `A hostile client over ${["HTTP", ...flags].join(" ")}: harms nobody`,
      // A server is stopped by a signal, which is not there.
      ignore: Deno.build.os === "windows",
      async fn() {
        const seed = testSeed();
        console.log(`TEST_SEED=${seed}`);
        await attackHttp({ ...options, seed, stateful, handles });
      },
    });
  }

  Deno.test(`A hostile client over stdio${handles ? " --handles" : ""}: harms nobody`, async () => {
    const seed = testSeed();
    console.log(`TEST_SEED=${seed}`);
    await attackStdio({ ...options, seed, handles });
  });
}
