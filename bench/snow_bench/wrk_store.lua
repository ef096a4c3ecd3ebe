-- Asks for one key after another. The arguments: METHOD, PREFIX of the path, the number of KEYS, and
-- the BYTES of the body.
local requests, last = {}, 0

function init(arguments)
  local method, prefix, keys, bytes = arguments[1], arguments[2], tonumber(arguments[3]), tonumber(arguments[4])
  local body = bytes > 0 and string.rep("v", bytes) or nil
  for key = 1, keys do
    requests[key] = wrk.format(method, prefix .. key, nil, body)
  end
end

function request()
  last = last % #requests + 1
  return requests[last]
end

-- For `done`, which prints the counts.
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "wrk.lua")
