-- Windows and leases of limits, counted for all processes at once.
--
-- A window is a hash: the last second that it has moved to (s), what 60 seconds and the running one hold in all (r requests,
-- t tokens), and what each second of them holds (r0 … r60, t0 … t60). A lease is a running call: a member of a sorted set,
-- scored by the second in which it ends unless it is renewed.
--
-- KEYS: a window and a set of leases for each subject. ARGV: what to do, then
--   admit  id, tokens, seconds of a lease, and for each subject its limits of requests, tokens and calls at once (-1: none)
--   close  id, the second of its admission, the tokens that were booked then, the tokens it took
--   read   nothing more: what each window holds, and how many calls run
--   renew  id, seconds of a lease; here KEYS are sets of leases alone
local SLOTS = 61
local time = redis.call('TIME')
local now, micros = tonumber(time[1]), tonumber(time[2])

-- The window as it is in this second: what has left it is taken off.
local function moved(key)
    local held = redis.call('HMGET', key, 's', 'r', 't')
    local last, requests, tokens = tonumber(held[1]), tonumber(held[2]) or 0, tonumber(held[3]) or 0
    if not last then return {at = now, requests = 0, tokens = 0} end
    if last >= now then return {at = last, requests = requests, tokens = tokens} end
    if now - last >= SLOTS then
        redis.call('DEL', key)
        return {at = now, requests = 0, tokens = 0}
    end
    local names = {}
    for second = last + 1, now do
        names[#names + 1] = 'r' .. second % SLOTS
        names[#names + 1] = 't' .. second % SLOTS
    end
    local gone = redis.call('HMGET', key, unpack(names))
    for place = 1, #names, 2 do
        requests = requests - (tonumber(gone[place]) or 0)
        tokens = tokens - (tonumber(gone[place + 1]) or 0)
    end
    redis.call('HDEL', key, unpack(names))
    redis.call('HSET', key, 's', now, 'r', requests, 't', tokens)
    return {at = now, requests = requests, tokens = tokens}
end

-- Book in a second of the window; what it holds never falls below nothing.
local function book(key, window, second, requests, tokens)
    local slot = second % SLOTS
    local held = tonumber(redis.call('HGET', key, 't' .. slot)) or 0
    local more = math.max(tokens, -held)
    redis.call('HINCRBY', key, 'r' .. slot, requests)
    redis.call('HINCRBY', key, 't' .. slot, more)
    window.requests, window.tokens = window.requests + requests, window.tokens + more
    redis.call('HSET', key, 's', window.at, 'r', window.requests, 't', window.tokens)
    redis.call('EXPIRE', key, SLOTS + 1)
end

-- How many milliseconds until so much has left the window, and until all of it has.
local function waits(key, window, letter, surplus)
    local names = {}
    for second = window.at - SLOTS + 1, window.at do names[#names + 1] = letter .. second % SLOTS end
    local enough, all, gone = 0, 0, 0
    for place, held in ipairs(redis.call('HMGET', key, unpack(names))) do
        local amount = tonumber(held) or 0
        local left_ms = place * 1000 - math.floor(micros / 1000)
        if amount > 0 then
            if gone < surplus then enough = left_ms end
            gone, all = gone + amount, left_ms
        end
    end
    return enough, all
end

local function admit(id, tokens, lease)
    local windows, running = {}, {}
    for subject = 1, #KEYS / 2 do
        local key, leases, base = KEYS[subject * 2 - 1], KEYS[subject * 2], 5 + (subject - 1) * 3
        local most_requests, most_tokens, most_calls = tonumber(ARGV[base]), tonumber(ARGV[base + 1]), tonumber(ARGV[base + 2])
        local window, calls = moved(key), 0
        if most_calls >= 0 then
            redis.call('ZREMRANGEBYSCORE', leases, '-inf', now)
            calls = redis.call('ZCARD', leases)
        end
        local surplus = {r = window.requests + 1 - most_requests, t = window.tokens + tokens - most_tokens}
        local kind = nil
        if most_requests >= 0 and surplus.r > 0 then kind = 'r'
        elseif most_tokens >= 0 and surplus.t > 0 then kind = 't'
        elseif most_calls >= 0 and calls >= most_calls then kind = 'c' end
        if kind then
            local for_requests, no_requests = waits(key, window, 'r', surplus.r)
            local for_tokens, no_tokens = waits(key, window, 't', surplus.t)
            local wait = ({r = for_requests, t = for_tokens, c = 0})[kind]
            return {0, subject, kind, wait, no_requests, no_tokens, window.requests, window.tokens}
        end
        windows[subject], running[subject] = window, most_calls >= 0
    end
    local told = {1, now, micros}
    for subject, window in ipairs(windows) do
        local key, leases = KEYS[subject * 2 - 1], KEYS[subject * 2]
        book(key, window, window.at, 1, tokens)
        if running[subject] then
            redis.call('ZADD', leases, now + lease, id)
            redis.call('EXPIRE', leases, lease + 1)
        end
        told[#told + 1], told[#told + 2] = window.requests, window.tokens
    end
    return told
end

local function close(id, second, booked, taken)
    for subject = 1, #KEYS / 2 do
        local key = KEYS[subject * 2 - 1]
        local window = moved(key)
        if window.at - second < SLOTS then
            book(key, window, second, 0, taken - booked)
        elseif taken > booked then
            book(key, window, window.at, 0, taken - booked)
        end
        redis.call('ZREM', KEYS[subject * 2], id)
    end
    return {1}
end

local function renew(id, lease)
    for _, leases in ipairs(KEYS) do
        redis.call('ZADD', leases, now + lease, id)
        redis.call('EXPIRE', leases, lease + 1)
    end
    return {1}
end

local function read()
    local told = {}
    for subject = 1, #KEYS / 2 do
        local window = moved(KEYS[subject * 2 - 1])
        told[#told + 1], told[#told + 2] = window.requests, window.tokens
        told[#told + 1] = redis.call('ZCOUNT', KEYS[subject * 2], '(' .. now, '+inf')
    end
    return told
end

if ARGV[1] == 'read' then return read() end
if ARGV[1] == 'renew' then return renew(ARGV[2], tonumber(ARGV[3])) end
if ARGV[1] == 'admit' then return admit(ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])) end
return close(ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]))
