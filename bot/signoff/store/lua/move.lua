-- Replaces a record by its next revision, if it still is what the caller saw.
-- KEYS[1..8]  see _write.lua
-- KEYS[9..]   ix:…  zset  first the indexes that the request leaves, then those it enters; behind them see
--                         _conditions.lua
-- ARGV[1..13] see _write.lua
-- ARGV[14]    the revision that the caller saw
-- ARGV[15]    1: a person's doing, which the record takes only before expires_at
-- ARGV[16]    how many indexes it leaves   [17] how many it enters
-- ARGV[18..]  see _conditions.lua
-- Answers 1, 0 when nothing was written, or the text of the freeze that forbade it.

local rev, status, expires_at, writer = string.match(redis.call('GET', KEYS[2]) or '', '^(%d+) (%a+) (%d+) (%S+)$')
if rev ~= ARGV[14] then
  -- This very call may have been sent again because its answer was lost; then it has been done.
  return writer == ARGV[6] and 1 or 0
end
local now = clock()
-- By this clock and in this step: a late sweeper or a slow replica cannot make a decision count (I06).
if ARGV[15] == '1' and status == 'pending' and now >= tonumber(expires_at) then
  return 0
end

local left = 8 + ARGV[16]
local entered = left + ARGV[17]
if ARGV[18] then
  local refused = refusal(now, entered + 1, 18)
  if refused then
    return refused[2] or 0
  end
end
for i = 9, left do
  redis.call('ZREM', KEYS[i], ARGV[1])
end
for i = left + 1, entered do
  redis.call('ZADD', KEYS[i], 0, ARGV[1])
end
write(now)
return 1
