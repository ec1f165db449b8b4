/**
 * The Lua scripts of rows: one reads, one commits, each takes many requests at once.
 *
 * `KEYS` has each key once. `ARGV` is a flat list that the scripts walk along, as that is cheaper than to
 * parse JSON or MessagePack; a key stands in it as its index in `KEYS`.
 *
 * @module
 */

import { createHash } from "node:crypto";

/** A script and the name by which Redis knows it. */
export interface Script {
  readonly text: string;
  readonly sha1: string;
}

// A wish is a list of steps:
//   g key name                   a row
//   m key n name…                n rows of a part
//   p key order min prefix limit a page
//   c key n name…                n counters
const READ = `
local K, A, call = KEYS, ARGV, redis.call
local function read(W, i, last)
  local rows, names, texts, counts = {}, {}, {}, {}
  while i <= last do
    local step, key = W[i], K[W[i + 1] + 0]
    if step == 'g' then
      rows[#rows + 1] = call('HGET', key, W[i + 2])
      i = i + 3
    elseif step == 'p' then
      -- No UTF-8 has the byte 255: all that begins with the prefix is before it.
      local max = W[i + 4] == '' and '+' or '(' .. W[i + 4] .. string.char(255)
      names = call('ZRANGEBYLEX', K[W[i + 2] + 0], W[i + 3], max, 'LIMIT', 0, W[i + 5])
      for first = 1, #names, 1000 do
        local some = call('HMGET', key, unpack(names, first, math.min(first + 999, #names)))
        for n = 1, #some do texts[#texts + 1] = some[n] end
      end
      i = i + 6
    else
      local to = i + 2 + W[i + 2]
      local found = call('HMGET', key, unpack(W, i + 3, to))
      if step == 'c' then
        counts = found
      else
        for n = 1, #found do rows[#rows + 1] = found[n] end
      end
      i = to + 1
    end
  end
  return { rows, names, texts, counts }
end
local function textOf(err)
  return type(err) == 'table' and err.err or tostring(err)
end
`;

/** Answers with a snapshot for each wish, or the text of an error: its length, then its steps. */
export const READ_SCRIPT: Script = script(`${READ}
local i, answers = 1, {}
while i <= #A do
  local last = i + A[i]
  local isRead, answer = pcall(read, A, i + 1, last)
  answers[#answers + 1] = isRead and answer or textOf(answer)
  i = last + 1
end
return answers
`);

/** Some of the keys that fit a pattern, as SCAN answers. */
export const SCAN_SCRIPT: Script = script(
  "return redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])",
);

/** Some of the names and values in a hash, as HSCAN answers. */
export const HSCAN_SCRIPT: Script = script(
  "return redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])",
);

// A commit is the number of its steps' arguments, its wish as JSON, which is parsed when it is needed, and
// its steps. These are, in this order:
//   v key name version           fails unless the row has this version
//   n key name                   fails if there is such a row
//   f key name by most index     refuses unless the counter can grow by that
//   d key order n name…          deletes n rows; order is 0 if the part has none
//   u key order                  drops a part
//   k key order key order        copies a part to another
//   s key name text              sets a row
//   S key order name text        sets a row of a part with an order
//   m key order n name text…     sets n / 2 rows of a part
//   i key name by                counts
// What frees room comes first: full, Redis refuses a script that begins with what takes some, and lets
// one pass that has begun to write. So a commit that is refused has changed nothing.
/**
 * Answers with the commits that were not made, two items each: their index, from 1; then a snapshot after
 * a failed check, the index of the counter that is full, or the text of an error.
 */
export const COMMIT_SCRIPT: Script = script(`${READ}
local sub = string.sub
-- The parts that have no row. Turns are such a part as a rule, and each commit checks one.
local empty = {}
local function exists(key, name)
  if empty[key] == nil then empty[key] = call('HLEN', key) == 0 end
  return not empty[key] and call('HEXISTS', key, name) == 1
end
local function lost(wish)
  local steps = cjson.decode(wish)
  return read(steps, 1, #steps)
end
-- Gives why it was not made, or nothing.
local function commit(i, last, wish)
  while i <= last do
    local step, key = A[i], K[A[i + 1] + 0]
    if step == 'v' then
      local row, version = call('HGET', key, A[i + 2]), A[i + 3]
      if not row or sub(row, 1, #version) ~= version then return lost(wish) end
      i = i + 4
    elseif step == 'n' then
      if exists(key, A[i + 2]) then return lost(wish) end
      i = i + 3
    elseif step == 's' then
      empty[key] = nil
      call('HSET', key, A[i + 2], A[i + 3])
      i = i + 4
    elseif step == 'S' then
      empty[key] = nil
      local added = call('HSET', key, A[i + 3], A[i + 4])
      if added > 0 then call('ZADD', K[A[i + 2] + 0], 0, A[i + 3]) end
      i = i + 5
    elseif step == 'i' then
      if call('HINCRBY', key, A[i + 2], A[i + 3]) == 0 then call('HDEL', key, A[i + 2]) end
      i = i + 4
    elseif step == 'f' then
      local count = call('HGET', key, A[i + 2]) or 0
      if count + A[i + 3] > A[i + 4] + 0 then return A[i + 5] + 0 end
      i = i + 6
    elseif step == 'm' then
      local first, order, to = i + 4, A[i + 2] + 0, i + 3 + A[i + 3]
      empty[key] = nil
      local added = call('HSET', key, unpack(A, first, to))
      if order > 0 and added > 0 then
        local members = {}
        for at = first, to, 2 do
          members[#members + 1] = 0
          members[#members + 1] = A[at]
        end
        call('ZADD', K[order], unpack(members))
      end
      i = to + 1
    elseif step == 'd' then
      local first, order, to = i + 4, A[i + 2] + 0, i + 3 + A[i + 3]
      local gone = call('HDEL', key, unpack(A, first, to))
      if order > 0 and gone > 0 then call('ZREM', K[order], unpack(A, first, to)) end
      i = to + 1
    elseif step == 'u' then
      call('UNLINK', key, K[A[i + 2] + 0])
      i = i + 3
    else
      local to = K[A[i + 3] + 0]
      empty[to] = nil
      call('COPY', key, to)
      call('COPY', K[A[i + 2] + 0], K[A[i + 4] + 0])
      i = i + 5
    end
  end
end
local i, number, answers = 1, 0, {}
while i <= #A do
  local last = i + 1 + A[i]
  number = number + 1
  local isOver, refusal = pcall(commit, i + 2, last, A[i + 1])
  if not isOver then refusal = textOf(refusal) end
  if refusal then
    answers[#answers + 1] = number
    answers[#answers + 1] = refusal
  end
  i = last + 1
end
return answers
`);

/** A script of a text. */
export function script(text: string): Script {
  return { text, sha1: createHash("sha1").update(text).digest("hex") };
}
