-- Report how far behind a partition is, as its owner. KEYS: own. ARGV: epoch, a done that was written, behind (ms),
-- the latest that it may be by Redis' clock (ms; -1: not known): a report carried out late is not taken as new.
-- Redis' own clock turns it into the moment up to which every record is applied, so that readers need no other.
-- Answers {'OK' | 'FENCED' | 'REGRESSED', now (ms)}; only OK changes anything.
local own = redis.call('HMGET', KEYS[1], 'e', 'done')
local done = tonumber(own[2] or '-1')
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if not own[1] then
  return {'REGRESSED', now_ms}
end
if own[1] ~= ARGV[1] then
  -- An older counter than ours cannot be a successor's: Redis went back to before our claim.
  local older = tonumber(string.match(own[1], '^%d+')) < tonumber(string.match(ARGV[1], '^%d+'))
  return {older and 'REGRESSED' or 'FENCED', now_ms}
end
if done < tonumber(ARGV[2]) then
  return {'REGRESSED', now_ms}
end
local at_ms = now_ms
if ARGV[4] ~= '-1' then
  at_ms = math.min(now_ms, tonumber(ARGV[4]))
end
redis.call('HSET', KEYS[1], 'fresh', string.format('%d', at_ms - tonumber(ARGV[3])))
return {'OK', now_ms}
