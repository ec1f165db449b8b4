/** A certificate of a test's own, for `localhost`, which no authority has signed. */

import { assert } from "@std/assert";

/** Makes it in a folder, with openssl, and gives the paths of both files. */
export async function makeCertificate(folder: string) {
  const [key, cert] = [`${folder}/key.pem`, `${folder}/cert.pem`];
  const { success } = await new Deno.Command("openssl", {
    args: ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
      .concat(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=CA:FALSE"])
      .concat(["-keyout", key, "-out", cert]),
    stderr: "null",
  }).output();
  assert(success);
  return { key, cert };
}
