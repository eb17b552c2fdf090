-- wrk's requests: TOKENS small|realistic BODY_BYTES, after wrk's own "--".
-- Small: one for each token, made once. Realistic: 12 headers, 200 paths, ids that no other request has.

local made, tokens, count = {}, {}, 0
local threads = 0

local common = "Host: orders.shop.test\r\nUser-Agent: shop-client/4.1 (linux)\r\nAccept: application/json\r\n" ..
   "Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-GB,en;q=0.8\r\nCache-Control: no-cache\r\n" ..
   "X-Tenant: t-42\r\nX-Client-Version: 2026.11.3\r\nCookie: theme=dark; seen=1\r\n"

function setup(thread)
   thread:set("number", threads)
   threads = threads + 1
end

function init(args)
   for token in io.lines(args[1]) do
      tokens[#tokens + 1] = "Authorization: Bearer " .. token .. "\r\n"
   end
   if args[2] == "realistic" then
      for n = 0, 199 do
         made[n + 1] = "GET /orders/" .. n .. "/items?page=2 HTTP/1.1\r\n" .. common
      end
      request = realistic
      return
   end
   local size = tonumber(args[3])
   local method = size > 0 and "POST" or "GET"
   local tail = size > 0 and "Content-Length: " .. size .. "\r\n\r\n" .. string.rep("x", size) or "\r\n"
   for n, token in ipairs(tokens) do
      made[n] = method .. " " .. wrk.path .. " HTTP/1.1\r\nHost: orders\r\n" .. token .. tail
   end
end

function request()
   count = count % #made + 1
   return made[count]
end

function realistic()
   count = count + 1
   local id = string.format("%08x%08x", number, count)
   return made[count % 200 + 1] .. tokens[count % #tokens + 1] .. "X-Request-Id: " .. id .. id ..
      "\r\ntraceparent: 00-" .. id .. id .. "-" .. id .. "-01\r\n\r\n"
end

function done(summary, latency)
   local e = summary.errors
   io.write(string.format(
      '\nRESULT {"requests": %d, "us": %d, "p50_us": %d, "p99_us": %d, "errors": %d, "broken": %d}\n', summary.requests,
      summary.duration, latency:percentile(50), latency:percentile(99), e.status,
      e.connect + e.read + e.write + e.timeout))
end
