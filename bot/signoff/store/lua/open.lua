-- Takes up a request, once.
-- KEYS[1..8]  see _write.lua
-- KEYS[9]     idem:<key>:<Idempotency-Key>  string  "<request id> <body digest>"
-- KEYS[10]    rate:<key>                    string  requests in the running minute
-- KEYS[11]    ix:key:pending:<key>          zset    the key's pending requests
-- KEYS[12..]  ix:…                          zset    the indexes that the request enters; behind them, for a pending
--                                                   one, queue, queue:<bucket> and perhaps fold:…, see _queue.lua;
--                                                   behind them see _conditions.lua
-- ARGV[1..14] see _write.lua
-- ARGV[15]    body digest, empty without an Idempotency-Key
-- ARGV[16]    pending requests that the key may have   [17] new requests that it may make in a minute
-- ARGV[18]    how many indexes it enters   [19] 1: what repeats it is taken up by it
-- ARGV[20..]  see _conditions.lua
-- Answers {'opened'}, {'known', id}, {'folded', id}, {'conflict'}, {'rate', ms to wait}, {'open'} or what
-- _conditions.lua refuses with.

-- The same id can only be this very call, sent again after its answer was lost. (A folded one that is sent again with an
-- Idempotency-Key is known by then, which is as true.)
if redis.call('EXISTS', KEYS[1]) == 1 then
  return {'opened'}
end

if ARGV[15] ~= '' then
  local known = redis.call('GET', KEYS[9])
  if known then
    local space = string.find(known, ' ', 1, true)
    if string.sub(known, space + 1) == ARGV[15] then
      return {'known', string.sub(known, 1, space - 1)}
    end
    return {'conflict'}
  end
end

local now = clock()
local entered = 11 + ARGV[18]
local waits, folds = ARGV[3] == 'pending', ARGV[19] == '1'
local queue, bucket, fold = KEYS[entered + 1], KEYS[entered + 2], KEYS[entered + 3]
if folds then
  local first = repeated(now, fold)
  if first then
    if ARGV[15] ~= '' then
      redis.call('SET', KEYS[9], first .. ' ' .. ARGV[15])
    end
    return {'folded', first}
  end
end

if tonumber(redis.call('GET', KEYS[10]) or '0') >= tonumber(ARGV[17]) then
  return {'rate', math.max(redis.call('PTTL', KEYS[10]), 1)}
end
if waits and redis.call('ZCARD', KEYS[11]) >= tonumber(ARGV[16]) then
  return {'open'}
end
if ARGV[20] then
  local refused = refusal(now, entered + (waits and 2 or 0) + (folds and 1 or 0) + 1, 20)
  if refused then
    return refused
  end
end

if redis.call('INCR', KEYS[10]) == 1 then
  redis.call('PEXPIRE', KEYS[10], 60000)
end
if ARGV[15] ~= '' then
  redis.call('SET', KEYS[9], ARGV[1] .. ' ' .. ARGV[15])
end
-- One score for all: the set is then ordered by id, and ids by time, so a page's cursor is an id and stays good.
for i = 12, entered do
  redis.call('ZADD', KEYS[i], 0, ARGV[14])
end
if waits then
  stand(queue, bucket, ARGV[5], ARGV[14])
end
if folds then
  redis.call('SET', fold, ARGV[1] .. ' ' .. ARGV[5])
end
write(now)
return {'opened'}
