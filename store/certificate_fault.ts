/**
 * What is wrong with the certificate of a database's server.
 *
 * @module
 */

import { member } from "../runtime/json.ts";

const EXPIRED = "its certificate has expired, or is of a later time: renew it, or set the clock";
const OTHER_NAME = "its certificate is of another host: connect by a name that stands in it";

/**
 * The fault, and what to do, in plain words; `undefined` if the error is of something else.
 *
 * @param authority What names an authority of one's own.
 */
export function certificateFault(error: unknown, authority: string): string | undefined {
  const code = String(member(error, "code") ?? "");
  if (/SELF_SIGNED_CERT|UNABLE_TO_(?:VERIFY|GET_ISSUER)/.test(code)) {
    return `its certificate is of an authority that is not known: name that by ${authority}`;
  }
  if (/^CERT_(?:HAS_EXPIRED|NOT_YET_VALID)$/.test(code)) return EXPIRED;
  return code === "ERR_TLS_CERT_ALTNAME_INVALID" ? OTHER_NAME : undefined;
}
