/**
 * Whether a user of Redis may do what a store does.
 *
 * @module
 */

import { messageOf } from "../../runtime/errors.ts";
import { RefusedError } from "../errors.ts";
import type { RedisClient } from "./client.ts";
import { lackingRights, OF_CLUSTER } from "./errors.ts";
import { type Script, script } from "./scripts.ts";

/** Tries each command in a way that does nothing, and answers with those that are forbidden. */
const RIGHTS_SCRIPT: Script = script(`
local key = KEYS[1]
local lacking = {}
for _, command in ipairs({
  { 'HGET', key, '' }, { 'HMGET', key, '' }, { 'HLEN', key }, { 'HEXISTS', key, '' },
  { 'HSET', key, '', '', '' }, { 'HINCRBY', key, '', 'x' }, { 'HDEL', key, '' },
  { 'ZRANGEBYLEX', key, '-', '-' }, { 'ZADD', key, 'x', '' }, { 'ZREM', key, '' },
  { 'UNLINK', key }, { 'COPY', key, key .. ' copy' },
}) do
  local answer = redis.pcall(unpack(command))
  local err = type(answer) == 'table' and answer.err or ''
  if string.find(err, 'NOPERM') or string.find(err, 'user executing the script') then
    lacking[#lacking + 1] = string.lower(command[1])
  end
end
return lacking
`);

/**
 * Checks that this Redis has the keys of the store, and that the user may do all that is done with them.
 *
 * @param key One that no store sets.
 */
export async function checkRights(client: RedisClient, key: string): Promise<void> {
  const options = { keys: [key], arguments: [] };
  try {
    const lacking = await client.eval(RIGHTS_SCRIPT.text, options) as string[];
    await client.evalSha(RIGHTS_SCRIPT.sha1, options);
    if (lacking.length > 0) throw new RefusedError(lackingRights(lacking));
  } catch (error) {
    const message = messageOf(error);
    if (/\b(?:MOVED|ASK|CLUSTERDOWN)\b/.test(message)) throw new RefusedError(OF_CLUSTER);
    const command = /NOPERM.* '(\w+)' command/.exec(message)?.[1];
    throw command === undefined ? error : new RefusedError(lackingRights([command]));
  }
}
