-- What every script shares that gives a card back to the outbox.
--
-- head:<id>  string  begins with the record's revision; of the card of several requests it is a number, which counts
--                    how often it was nudged

-- Milliseconds by which what still waits is due before its time: ahead of repaints of what has ended, which wait that
-- much longer and no more.
local AHEAD = 10000

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Answers when a card is due whose record is no longer at this revision, or nothing if it still is.
local function overtaken(head, rev)
  local standing = redis.call('GET', head) or ''
  local found = string.match(standing, '^%d+')
  if found and found ~= rev then
    return clock() - (string.match(standing, '^%d+ pending ') and AHEAD or 0)
  end
end
