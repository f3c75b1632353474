-- Set a state or a window aside under its owner's epoch, when it still is what the owner saw, or do nothing at all.
-- KEYS: own, what is set aside, where to keep it, the partition's quarantine, the visitor's window, which goes too.
-- ARGV: epoch, SHA-1 of what was seen ('' for a value of another type than string), the longest it may be (bytes),
--       most that may be set aside, TTL, visitor, partition, 'state' or 'window'.
-- Answers {'OK', entry (JSON)}, {'OTHER'} (something else stands there), {'FENCED'}, {'REGRESSED', done} or {'FULL'}.
local own = redis.call('HMGET', KEYS[1], 'e', 'done')
if not own[1] then
  return {'REGRESSED', -1}
end
if own[1] ~= ARGV[1] then
  if tonumber(string.match(own[1], '^%d+')) < tonumber(string.match(ARGV[1], '^%d+')) then
    return {'REGRESSED', tonumber(own[2] or '-1')}
  end
  return {'FENCED'}
end
local before = redis.call('HGET', KEYS[4], KEYS[3])
if before then
  return {'OK', before} -- this very call, tried again after its answer was lost
end
local found, seen = redis.call('TYPE', KEYS[2]).ok, ''
if found == 'none' then
  return {'OTHER'}
end
if found == 'string' then
  seen = redis.sha1hex(redis.call('GETRANGE', KEYS[2], 0, ARGV[3]))
  found = redis.call('STRLEN', KEYS[2]) .. ' bytes that are no ' .. ARGV[8]
end
if seen ~= ARGV[2] then
  return {'OTHER'}
end
if redis.call('HLEN', KEYS[4]) >= tonumber(ARGV[4]) then
  return {'FULL'}
end
redis.call('RENAME', KEYS[2], KEYS[3])
redis.call('EXPIRE', KEYS[3], ARGV[5])
redis.call('DEL', KEYS[5])
local entry = cjson.encode({
  visitor = ARGV[6], partition = tonumber(ARGV[7]), found = found, key = KEYS[3], at = tonumber(redis.call('TIME')[1]),
})
redis.call('HSET', KEYS[4], KEYS[3], entry)
redis.call('EXPIRE', KEYS[4], ARGV[5])
return {'OK', entry}
