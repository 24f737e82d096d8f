-- Makes the card of several requests due.
-- KEYS[1] due|hooks    zset    cards or webhooks, short, by the time (ms) from which a worker may take them
-- KEYS[2] leases       hash    card, short -> token
-- KEYS[3] head:<card>  string  how often it was nudged: its revision
-- ARGV[1] the card, short  [2] ms until then
-- When it is sent again it counts twice, which costs nothing: who is at it brings the card up once more.

redis.call('INCR', KEYS[3])
local time = redis.call('TIME')
local due = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]
-- A worker that holds it sees the new revision when it is done, or its lease lapses.
local how = redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 and 'NX' or 'LT'
redis.call('ZADD', KEYS[1], how, due, ARGV[1])
return 1
