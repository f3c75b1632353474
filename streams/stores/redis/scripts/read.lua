-- One visitor as of one moment. KEYS: state, layout, own. Answers {state, head, body, done, incarnation}.
local layout = redis.call('HMGET', KEYS[2], 'h', 'b')
local own = redis.call('HMGET', KEYS[3], 'done', 'i')
return {redis.call('GET', KEYS[1]), layout[1], layout[2], own[1], own[2]}
