/** A certificate for `localhost` that no authority has signed. */

import { assert } from "@std/assert";

/** Makes one with openssl in a folder, and returns the paths of its key and of itself. */
export async function selfSigned(folder: string): Promise<{ key: string; cert: string }> {
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
