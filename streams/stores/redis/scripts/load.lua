-- States, windows and layout bodies of visitors, in the order of their keys.
-- KEYS: a state key and a window key for each and, when bodies are wanted, a layout key behind them.
-- ARGV: keys of a visitor (2 or 3), longest state, longest window, longest body (bytes).
-- Answers the error in place of a value whose key is of another type. What is longer is cut behind one byte too many.
local each, state_max, window_max, body_max = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

local function get(key, most)
  local value = redis.pcall('GET', key)
  if value and #value > most then
    return string.sub(value, 1, most + 1)
  end
  return value
end

local found = {}
for at = 1, #KEYS, each do
  found[at] = get(KEYS[at], state_max)
  found[at + 1] = get(KEYS[at + 1], window_max)
  if each == 3 then
    local body = redis.pcall('HGET', KEYS[at + 2], 'b')
    if body and #body > body_max then
      body = false
    end
    found[at + 2] = body
  end
end
return found
