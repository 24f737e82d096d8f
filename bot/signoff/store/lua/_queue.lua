-- What waits, in order; what repeats it; and who ended what. Behind _chain.lua.
--
-- queue                  hash    bucket -> how many stand in it, for the buckets that are not empty
-- queue:<bucket>         zset    "<deadline in ms, 13 digits><short id>", all scores 0: ordered by deadline, then by age.
--                                A bucket is what all in it have in common, as JSON (signoff.store.queue)
-- fold:<what is asked>   string  "<request id> <expires_at in ms>" of the pending request that asks it
-- ended:<day>:<person>   zset    short ids by the time (ms) at which this person ended them; kept for some days

local ENDED_KEPT = 5 * 86400

local function member(expires_at, id)
  return string.rep('0', 13 - #expires_at) .. expires_at .. id
end

local function name(queue, bucket)
  return string.sub(bucket, #queue + 2)
end

-- Both count what they really did, so that nothing counts twice.
local function stand(queue, bucket, expires_at, id)
  if redis.call('ZADD', bucket, 0, member(expires_at, id)) == 1 then
    redis.call('HINCRBY', queue, name(queue, bucket), 1)
  end
end

local function leave(queue, bucket, expires_at, id)
  if redis.call('ZREM', bucket, member(expires_at, id)) == 1 then
    if redis.call('HINCRBY', queue, name(queue, bucket), -1) == 0 then
      redis.call('HDEL', queue, name(queue, bucket))
    end
  end
end

-- Answers the pending request that asks the same, if it has not expired by now.
local function repeated(now, fold)
  local id, expires_at = string.match(redis.call('GET', fold) or '', '^(%S+) (%d+)$')
  return id and now < tonumber(expires_at) and id
end

-- Only the one that is repeated now: when it has expired, another may have taken its place already.
local function refold(fold, id, status, expires_at)
  if string.match(redis.call('GET', fold) or '', '^%S+') ~= id then
    return
  end
  if status == 'pending' then
    redis.call('SET', fold, id .. ' ' .. expires_at)
  else
    redis.call('DEL', fold)
  end
end

local function ended(list, at, id)
  redis.call('ZADD', list, at, id)
  redis.call('EXPIRE', list, ENDED_KEPT)
end
