-- Finds the token counts in a response as it passes, and notes them for the access log.
--
-- Nothing is held back and nothing is changed: each piece of the body is looked at and goes on at
-- once. Noted after every piece of a stream, so that of a client that hangs up we know what it had
-- got. What is looked for, `"usage":`, can't stand in the text of an answer: there its quotes are
-- escaped. Noted is `[events,first,last]`: how many events there were, and the first and the last
-- usage object with counts in it, as the pool wrote them.

local NAMESPACE, KEY = "weighbridge.usage", "seen"
local MARK, EVENT = '"usage":', "\ndata:"
local LONGEST = 4096 -- bytes of a usage object; a real one has some 200

-- Locals: looked up some times per event.
local find, sub, match, max = string.find, string.sub, string.match, math.max

-- Whether what begins at `from` may be the head of an object that the next piece ends.
local function is_cut(text, from)
  return find(text, "^%s*{", from) or find(text, "^%s*$", from)
end

function envoy_on_response(handle)
  local kind = handle:headers():get("content-type") or ""
  local streamed = find(kind, "text/event-stream", 1, true) == 1
  if not streamed and find(kind, "application/json", 1, true) ~= 1 then return end
  local rest, events, first, last = "\n", 0, nil, nil
  for piece in handle:bodyChunks() do
    local size = piece:length()
    if size > 0 then
      local text = rest .. piece:getBytes(0, size)
      local at
      if streamed then
        -- An event counts in the piece that completes its mark.
        at = find(text, EVENT, max(1, #rest - #EVENT + 2), true)
        while at do
          events = events + 1
          at = find(text, EVENT, at + #EVENT, true)
        end
      end
      rest = sub(text, 1 - #MARK)
      at = find(text, MARK, 1, true)
      while at do
        local object = match(text, "^%s*(%b{})", at + #MARK)
        if not object then
          if #text - at < LONGEST and is_cut(text, at + #MARK) then
            rest = sub(text, at)
            break
          end
        elseif #object <= LONGEST and find(object, '_tokens"%s*:%s*%d') then
          first, last = first or object, object
        end
        at = find(text, MARK, at + #MARK, true)
      end
      if streamed or last then
        local objects = last and "," .. first .. "," .. last or ""
        handle:streamInfo():dynamicMetadata():set(NAMESPACE, KEY, "[" .. events .. objects .. "]")
      end
    end
  end
end
