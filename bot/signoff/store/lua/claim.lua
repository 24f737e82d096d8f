-- Leases the request that has been due longest.
-- KEYS[1] due|hooks  zset  cards or webhooks, short, by the time (ms) from which a worker may take them
-- KEYS[2] leases  hash  card, short -> token
-- ARGV[1] token   [2] ms that the lease lasts
-- Answers the card, short, or nothing.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 1)[1]
if not due then
  return false
end
-- The end of the lease is when it is due again: a worker that dies needs nobody to clean up after it.
redis.call('ZADD', KEYS[1], now + ARGV[2], due)
redis.call('HSET', KEYS[2], due, ARGV[1])
return due
