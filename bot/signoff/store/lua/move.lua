-- Replaces a record by its next revision, if it still is what the caller saw.
-- KEYS[1..8]  see _write.lua
-- KEYS[9..]   ix:…  zset  first the indexes that the request leaves, then those it enters
-- ARGV[1..12] see _write.lua
-- ARGV[13]    the revision that the caller saw
-- ARGV[14]    1: a person's decision, which the record takes only before expires_at
-- ARGV[15]    how many indexes it leaves
-- Answers 1, or 0 when nothing was written.

local rev, status, expires_at, writer = string.match(redis.call('GET', KEYS[2]) or '', '^(%d+) (%a+) (%d+) (%S+)$')
if rev ~= ARGV[13] then
  -- This very call may have been sent again because its answer was lost; then it has been done.
  return writer == ARGV[6] and 1 or 0
end
local now = clock()
-- By this clock and in this step: a late sweeper or a slow replica cannot make a decision count (I06).
if ARGV[14] == '1' and status == 'pending' and now >= tonumber(expires_at) then
  return 0
end

local leaves = tonumber(ARGV[15])
for i = 9, #KEYS do
  if i < 9 + leaves then
    redis.call('ZREM', KEYS[i], ARGV[1])
  else
    redis.call('ZADD', KEYS[i], 0, ARGV[1])
  end
end
write(now)
return 1
