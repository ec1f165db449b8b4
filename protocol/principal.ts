/**
 * The user in a principal, which is the JSON text of issuer, client and subject (section 6 of the contract).
 *
 * @module
 */

/** The name by which people know a principal: its subject, else its client; any other text as it is. */
export function userOf(principal: string): string {
  try {
    const parts: unknown = JSON.parse(principal);
    if (Array.isArray(parts)) {
      const name = parts[2] ?? parts[1];
      if (typeof name === "string" || typeof name === "number") return String(name);
    }
  } catch {
    // A server of somebody else may name its callers by any text.
  }
  return principal;
}
