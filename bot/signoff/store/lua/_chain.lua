-- What every script shares that leaves an audit line: Redis' clock, and the chain of lines.
-- Put in front by signoff.store.redis.scripts. All keys carry one hash tag, so one slot of a cluster.

-- Lua would print a large number as 1.7e+12.
local function whole(number)
  return string.format('%.0f', number)
end

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- last   string  "<seq> <link>" of the last audit line
-- audit  stream  id <seq>-0; at (ms), body, link
local function chain(now, last, audit, body, hash)
  local number, previous = string.match(redis.call('GET', last) or '', '^(%d+) (%x+)$')
  local seq = whole((tonumber(number) or 0) + 1)
  previous = previous or string.rep('0', 40)
  local at = whole(now)
  local link = redis.sha1hex(previous .. ':' .. seq .. ':' .. at .. ':' .. hash)
  redis.call('SET', last, seq .. ' ' .. link)
  redis.call('XADD', audit, seq .. '-0', 'at', at, 'body', body, 'link', link)
end
