/**
 * Resources of an HTTP endpoint, which its transports share: one quota, one reader of requests, and the
 * responses that wait to be read.
 *
 * @module
 */

import { type RequestLimits, requestLimits, RequestQuota } from "./request_quota.ts";
import { RequestReader } from "./request_reader.ts";
import { UnreadResponses } from "./response_body.ts";

export interface HttpResources {
  readonly quota: RequestQuota;
  readonly reader: RequestReader;
  readonly unread: UnreadResponses;
}

/** @throws {RangeError} if a limit is not above 0. */
export function httpResources(limits: Partial<RequestLimits> | undefined): HttpResources {
  const checked = requestLimits(limits);
  return {
    quota: new RequestQuota(checked),
    reader: new RequestReader(checked),
    unread: new UnreadResponses(checked),
  };
}
