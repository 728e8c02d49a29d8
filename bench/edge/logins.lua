-- SPDX-License-Identifier: Apache-2.0
-- For wrk: whole logins, one behind the other on each connection: the start,
-- then the callback with what the start's redirect said (the stub provider
-- takes the nonce as the code). Counts what ended with a new session.
local state, nonce, cookie, iss
local threads = {}

function setup(thread)
    table.insert(threads, thread)
    thread:set("logged_in", 0)
    thread:set("failed", 0)
end

function init(args)
    iss = args[1]
    host = args[2]
    cookie_name = args[3]
end

local function headers(more)
    local all = { ["Host"] = host, ["Accept"] = "text/html",
                  ["Sec-Fetch-Mode"] = "navigate" }
    if more then all["Cookie"] = more end
    return all
end

function request()
    if state then
        local path = "/oauth2/callback?code=" .. nonce .. "&state=" .. state ..
                     "&iss=" .. iss
        state = nil
        return wrk.format("GET", path, headers(cookie))
    end
    return wrk.format("GET", "/oauth2/start?rd=/dashboard", headers())
end

local function cookies_of(all, name)
    for key, value in pairs(all) do
        if key:lower() == "set-cookie" then
            local found = (type(value) == "table") and value or { value }
            for _, line in ipairs(found) do
                local text = line:match("^(" .. name:gsub("%-", "%%-") ..
                                        "=[^;]+)")
                if text then return text end
            end
        end
    end
end

function response(status, all, body)
    local location = all["Location"] or ""
    if status == 302 and location:find("/authorize?", 1, true) then
        state = location:match("[?&]state=([^&]+)")
        nonce = location:match("[?&]nonce=([^&]+)")
        cookie = cookies_of(all, cookie_name .. "-login")
    elseif status == 302 and location:find("/dashboard", 1, true) then
        logged_in = logged_in + 1
    else
        failed = failed + 1
    end
end

function done(summary, latency, requests)
    local all, bad = 0, 0
    for _, thread in ipairs(threads) do
        all = all + thread:get("logged_in")
        bad = bad + thread:get("failed")
    end
    print(string.format("logins: %d in %d us, failed: %d", all,
                        summary.duration, bad))
end
