-- What open.lua and move.lua share: record, audit line, event and outbox mark, written in one step. Behind _chain.lua.
--
-- KEYS[1] doc:<id>     string  the record as text (signoff.store.record). Never decoded here: Lua's numbers would
--                              lose digits
-- KEYS[2] head:<id>    string  "<rev> <status> <expires_at in ms> <writer>"
-- KEYS[3] chain        string  see _chain.lua
-- KEYS[4] audit        stream  see _chain.lua
-- KEYS[5] events       stream  type, request, status, rev, asked_by, writer and, for the end of a request, doc; quiet
--                              where nothing became due
-- KEYS[6] due          zset    cards, short, by the time (ms) from which a worker may take them
-- KEYS[7] leases       hash    card, short -> token of the worker that holds it
-- KEYS[8] expiring     zset    pending requests, short, by the time (ms) of their next timer, at the latest
--                              expires_at
--
-- ARGV[1] id  [2] doc  [3] status  [4] rev  [5] expires_at  [6] writer  [7] audit body  [8] its SHA-256
-- ARGV[9] event type  [10] asked_by  [11] ms that events are kept  [12] 1: the event carries the doc
-- ARGV[13] the time (ms) of the next timer; of what has ended 1, or 0 where nothing of it is to be painted or told
-- ARGV[14] the id, short (signoff.store.ids)

-- Milliseconds by which what still waits is due before its time: ahead of repaints of what has ended, which wait that
-- much longer and no more.
local AHEAD = 10000

local function write(now)
  local id, status = ARGV[1], ARGV[3]
  -- One string instead of a hash: read and written in half the time, on the way of every decision.
  local head = ARGV[4] .. ' ' .. status .. ' ' .. ARGV[5] .. ' ' .. ARGV[6]
  redis.call('MSET', KEYS[1], ARGV[2], KEYS[2], head)
  if status == 'pending' then
    redis.call('ZADD', KEYS[8], ARGV[13], ARGV[14])
  else
    redis.call('ZREM', KEYS[8], ARGV[14])
  end

  chain(now, KEYS[3], KEYS[4], ARGV[7], ARGV[8])

  local event = {
    'type', ARGV[9], 'request', id, 'status', status, 'rev', ARGV[4], 'asked_by', ARGV[10], 'writer', ARGV[6],
  }
  if ARGV[12] == '1' then
    event[#event + 1] = 'doc'
    event[#event + 1] = ARGV[2]
  end
  local quiet = status ~= 'pending' and ARGV[13] == '0'
  if quiet then
    event[#event + 1] = 'quiet'
    event[#event + 1] = '1'
  end
  -- '~': only whole nodes of the stream go, which costs next to nothing here.
  redis.call('XADD', KEYS[5], 'MINID', '~', whole(now - ARGV[11]), '*', unpack(event))

  if quiet then
    return
  end
  local due = whole(now - (status == 'pending' and AHEAD or 0))
  if redis.call('HEXISTS', KEYS[7], ARGV[14]) == 1 then
    -- A worker holds it: handing it to a second one now would post twice. The first sees the new revision when
    -- it is done, or its lease lapses.
    redis.call('ZADD', KEYS[6], 'NX', due, ARGV[14])
  else
    redis.call('ZADD', KEYS[6], due, ARGV[14])
  end
end
