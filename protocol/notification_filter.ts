/**
 * Notification filter: which notifications that belong to a modern request its client has asked for.
 *
 * @module
 */

import { member } from "../runtime/json.ts";
import { type Envelope, LOG_LEVELS } from "./era.ts";

export function wantsNotification(notification: object, { logLevel }: Envelope): boolean {
  if (member(notification, "method") !== "notifications/message") return true;
  const level = member(member(notification, "params"), "level");
  return logLevel !== undefined &&
    LOG_LEVELS.indexOf(`${level}`) >= LOG_LEVELS.indexOf(logLevel);
}
