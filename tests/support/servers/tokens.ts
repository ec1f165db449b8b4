/** Files of bearer tokens for servers, and the headers of callers. */

import { tempFolder } from "../temp_folder.ts";

/** A line of the file: the token's SHA-256, and its principal. */
export async function tokenLine(token: string, principal: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token));
  return `${new Uint8Array(digest).toHex()} ${principal}`;
}

export async function writeTokens(
  path: string,
  tokens: Readonly<Record<string, string>>,
): Promise<void> {
  const lines = await Promise.all(
    Object.entries(tokens).map(([token, principal]) => tokenLine(token, principal)),
  );
  await Deno.writeTextFile(path, `# token's SHA-256, principal\n\n${lines.join("\n")}\n`);
}

/** A temporary file of tokens, and the flags that name it. */
export async function tokensFile(tokens: Readonly<Record<string, string>>) {
  const folder = await tempFolder();
  const path = `${folder.path}/tokens`;
  await writeTokens(path, tokens);
  const dispose = () => folder[Symbol.asyncDispose]();
  return { flags: ["--tokens", path], [Symbol.asyncDispose]: dispose };
}

export function bearer(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}
