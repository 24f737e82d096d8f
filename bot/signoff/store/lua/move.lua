-- Replaces a record by its next revision, if it still is what the caller saw.
-- KEYS[1..8]  see _write.lua
-- KEYS[9..]   ix:…  zset  first the indexes that the request leaves, then those it enters; behind them, of _queue.lua
--                         and where they are needed, queue, the bucket that it leaves, the one that it enters, fold:…
--                         and ended:…; behind them see _conditions.lua
-- ARGV[1..14] see _write.lua
-- ARGV[15]    the revision that the caller saw
-- ARGV[16]    1: a person's doing, which the record takes only before expires_at
-- ARGV[17]    how many indexes it leaves   [18] how many it enters
-- ARGV[19]    1: it leaves a bucket   [20] 1: it enters one   [21] 1: it may be what others repeat
-- ARGV[22]    how many ended:… it enters   [23] the time (ms) of its end
-- ARGV[24..]  see _conditions.lua
-- Answers 1, 0 when nothing was written, or the text of the freeze that forbade it.

local rev, status, expires_at, writer = string.match(redis.call('GET', KEYS[2]) or '', '^(%d+) (%a+) (%d+) (%S+)$')
if rev ~= ARGV[15] then
  -- This very call may have been sent again because its answer was lost; then it has been done.
  return writer == ARGV[6] and 1 or 0
end
local now = clock()
-- By this clock and in this step: a late sweeper or a slow replica cannot make a decision count (I06).
if ARGV[16] == '1' and status == 'pending' and now >= tonumber(expires_at) then
  return 0
end

local left = 8 + ARGV[17]
local entered = left + ARGV[18]
local k = entered
local function key()
  k = k + 1
  return KEYS[k]
end
local queue = (ARGV[19] == '1' or ARGV[20] == '1') and key()
local from = ARGV[19] == '1' and key()
local to = ARGV[20] == '1' and key()
local fold = ARGV[21] == '1' and key()
local lists = k
k = k + ARGV[22]
if ARGV[24] then
  local refused = refusal(now, k + 1, 24)
  if refused then
    return refused[2] or 0
  end
end
for i = 9, left do
  redis.call('ZREM', KEYS[i], ARGV[14])
end
for i = left + 1, entered do
  redis.call('ZADD', KEYS[i], 0, ARGV[14])
end
if from then
  leave(queue, from, expires_at, ARGV[14])
end
if to then
  stand(queue, to, ARGV[5], ARGV[14])
end
if fold then
  refold(fold, ARGV[1], ARGV[3], ARGV[5])
end
for i = lists + 1, k do
  ended(KEYS[i], ARGV[23], ARGV[14])
end
write(now)
return 1
