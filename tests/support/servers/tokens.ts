/** Files of tokens for servers, and what a caller who has one sends. */

/** A line of the file: the token's SHA-256, and whose it is. */
export async function tokenLine(token: string, principal: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token));
  return `${new Uint8Array(digest).toHex()} ${principal}`;
}

/** Writes a file in which each token is its principal's. */
export async function writeTokens(
  path: string,
  tokens: Readonly<Record<string, string>>,
): Promise<void> {
  const lines = await Promise.all(
    Object.entries(tokens).map(([token, principal]) => tokenLine(token, principal)),
  );
  await Deno.writeTextFile(path, `# token's SHA-256, whose it is\n\n${lines.join("\n")}\n`);
}

/** The headers of a caller who has this token. */
export function bearer(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}
