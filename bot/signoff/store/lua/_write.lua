-- What open.lua and move.lua share: record, audit line, event and outbox mark, written in one step.
-- Put in front of either by signoff.store.redis.scripts. All keys carry one hash tag, so one slot of a cluster.
--
-- KEYS[1] doc:<id>     string  the record as text (signoff.store.record). Never decoded here: Lua's numbers would
--                              lose digits
-- KEYS[2] head:<id>    string  "<rev> <status> <expires_at in ms> <writer>"
-- KEYS[3] chain        string  "<seq> <link>" of the last audit line
-- KEYS[4] audit        stream  id <seq>-0; at (ms), body, link
-- KEYS[5] events       stream  type, request, status, rev, asked_by, writer and, for the end of a request, doc
-- KEYS[6] due          zset    request ids by the time (ms) from which a worker may take them
-- KEYS[7] leases       hash    request id -> token of the worker that holds it
-- KEYS[8] expiring     zset    pending request ids by expires_at (ms)
--
-- ARGV[1] id  [2] doc  [3] status  [4] rev  [5] expires_at  [6] writer  [7] audit body  [8] its SHA-256
-- ARGV[9] event type  [10] asked_by  [11] ms that events are kept  [12] 1: the event carries the doc

-- Lua would print a large number as 1.7e+12.
local function whole(number)
  return string.format('%.0f', number)
end

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function write(now)
  local id, status = ARGV[1], ARGV[3]
  redis.call('SET', KEYS[1], ARGV[2])
  -- One string instead of a hash: read and written in half the time, on the way of every decision.
  redis.call('SET', KEYS[2], ARGV[4] .. ' ' .. status .. ' ' .. ARGV[5] .. ' ' .. ARGV[6])
  if status == 'pending' then
    redis.call('ZADD', KEYS[8], ARGV[5], id)
  else
    redis.call('ZREM', KEYS[8], id)
  end

  local number, previous = string.match(redis.call('GET', KEYS[3]) or '', '^(%d+) (%x+)$')
  local seq = whole((tonumber(number) or 0) + 1)
  previous = previous or string.rep('0', 40)
  local at = whole(now)
  local link = redis.sha1hex(previous .. ':' .. seq .. ':' .. at .. ':' .. ARGV[8])
  redis.call('SET', KEYS[3], seq .. ' ' .. link)
  redis.call('XADD', KEYS[4], seq .. '-0', 'at', at, 'body', ARGV[7], 'link', link)

  local event = {
    'type', ARGV[9], 'request', id, 'status', status, 'rev', ARGV[4], 'asked_by', ARGV[10], 'writer', ARGV[6],
  }
  if ARGV[12] == '1' then
    event[#event + 1] = 'doc'
    event[#event + 1] = ARGV[2]
  end
  -- '~': only whole nodes of the stream go, which costs next to nothing here.
  redis.call('XADD', KEYS[5], 'MINID', '~', whole(now - tonumber(ARGV[11])), '*', unpack(event))

  if redis.call('HEXISTS', KEYS[7], id) == 1 then
    -- A worker holds it: handing it to a second one now would post twice. The first sees the new revision when
    -- it is done, or its lease lapses.
    redis.call('ZADD', KEYS[6], 'NX', at, id)
  else
    redis.call('ZADD', KEYS[6], at, id)
  end
end
