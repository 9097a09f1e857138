-- What stands between scripts and the libraries of Lua. Redis marks tables as read-only inside the interpreter; plain Lua has no
-- such mark, so scripts are given empty tables that show the contents of others, and the functions that would see through them
-- (pairs, next, rawget, rawset, getmetatable, setmetatable) know which these are. Arguments: the table scripts shall have as
-- _G, its contents so far, and functions in Rust.
local public, globals, rust = ...

local error, getmetatable, load, loadstring, newproxy = error, getmetatable, load, loadstring, newproxy
local next, pairs, pcall, rawget, rawset, select = next, pairs, pcall, rawget, rawset, select
local setmetatable, tostring, type, xpcall = setmetatable, tostring, type, xpcall
local byte, resume = string.byte, coroutine.resume
local catch = rust.catch

-- getfenv shows scripts no environment but their own, not even those of the functions below.
setfenv(1, public)

local READONLY = "Attempt to modify a readonly table"
local BYTECODE = 27

-- From each locked table to its contents, and to the (locked) metatable it shows.
local contents, shown = {}, {}

local function refuse()
    error(READONLY, 2)
end

local function lock(content, locked)
    locked = locked or {}
    contents[locked] = content
    setmetatable(locked, { __index = content, __newindex = refuse })
    return locked
end

local function undefined(_, name)
    if type(name) ~= "string" and type(name) ~= "number" then
        error("Second argument to luaProtectedTableError must be a string or number", 2)
    end
    error("Script attempted to access nonexistent global variable '" .. name .. "'", 2)
end

-- As lock, but reading what is not there is an error.
local function lock_strictly(content, locked)
    setmetatable(content, { __index = undefined })
    locked = lock(content, locked)
    shown[locked] = lock({ __index = undefined })
    return locked
end

local function expect_table(name, ...)
    if type((...)) ~= "table" then
        local got = select("#", ...) == 0 and "no value" or type((...))
        error("bad argument #1 to '" .. name .. "' (table expected, got " .. got .. ")", 3)
    end
end

-- Errors of ours are opaque until they are caught; the end of a script goes on through everything that could catch it.
local function caught(ok, problem, ...)
    if ok then
        return true, problem, ...
    end
    return false, catch(problem), ...
end

local function caught_as_text(ok, problem, ...)
    if ok then
        return true, problem, ...
    end
    problem = catch(problem)
    if type(problem) == "table" then
        local text = problem.err
        if type(text) == "string" or type(text) == "number" then
            problem = text
        end
    end
    return false, problem, ...
end

function globals.pcall(...)
    return caught_as_text(pcall(...))
end

function globals.xpcall(...)
    if select("#", ...) < 2 then
        error("bad argument #2 to 'xpcall' (value expected)", 2)
    end
    local action, handler = ...
    return caught(xpcall(action, function(problem)
        return handler(catch(problem))
    end))
end

function globals.coroutine.resume(...)
    return caught(resume(...))
end

function globals.next(...)
    expect_table("next", ...)
    local table, key = ...
    return next(contents[table] or table, key)
end

local function next_of_locked(locked, key)
    return next(contents[locked], key)
end

function globals.pairs(...)
    local table = ...
    if contents[table] then
        return next_of_locked, table, nil
    end
    expect_table("pairs", ...)
    return next, table, nil
end

function globals.rawget(...)
    expect_table("rawget", ...)
    local table, key = ...
    return rawget(contents[table] or table, key)
end

function globals.rawset(...)
    expect_table("rawset", ...)
    if contents[...] then
        error(READONLY, 0)
    end
    return rawset(...)
end

function globals.getmetatable(...)
    if select("#", ...) == 0 then
        error("bad argument #1 to 'getmetatable' (value expected)", 2)
    end
    local value = ...
    if value ~= nil and contents[value] then
        return shown[value]
    end
    return getmetatable(value)
end

function globals.setmetatable(...)
    expect_table("setmetatable", ...)
    local table, metatable = ...
    if contents[table] then
        error(READONLY, 0)
    end
    if select("#", ...) < 2 or metatable ~= nil and type(metatable) ~= "table" then
        error("bad argument #2 to 'setmetatable' (nil or table expected)", 2)
    end
    local ok, problem = pcall(setmetatable, table, metatable)
    if not ok then
        error(problem, 2)
    end
    return table
end

-- A space before it turns bytecode into text that does not parse.
local function as_text(source)
    if type(source) == "string" and byte(source) == BYTECODE then
        return " " .. source
    end
    return source
end

function globals.loadstring(...)
    local source, name = ...
    if name == nil and type(source) == "string" then
        name = source
    end
    return loadstring(as_text(source), name)
end

function globals.load(reader, name)
    if type(reader) ~= "function" then
        return load(reader, name)
    end
    local first = true
    local chunk, problem = load(function()
        local piece = reader()
        if first then
            first = false
            return as_text(piece)
        end
        return piece
    end, name)
    if chunk then
        return chunk
    end
    return nil, catch(problem)
end

-- A finalizer would run in the midst of somebody else's script.
function globals.newproxy(...)
    local kind = ...
    if kind ~= true then
        if kind == nil or kind == false or type(kind) == "userdata" and getmetatable(kind) then
            return newproxy(kind)
        end
        error("bad argument #1 to 'newproxy' (boolean or proxy expected)", 2)
    end
    local proxy = newproxy(true)
    local metatable = getmetatable(proxy)
    metatable.__metatable = setmetatable({}, {
        __index = metatable,
        __newindex = function(_, event, value)
            if event ~= "__gc" and event ~= "__metatable" then
                rawset(metatable, event, value)
            end
        end,
    })
    return proxy
end

globals.getfenv, globals.setfenv = rust.getfenv, rust.setfenv
local function lock_libraries()
    for name, value in next, globals do
        if type(value) == "table" then
            globals[name] = lock(value)
        end
    end
    getmetatable("").__metatable = lock({ __index = globals.string })
end

-- The globals of scripts.
local function seal_scripts()
    function globals.__redis__err__handler(problem)
        if type(problem) ~= "table" then
            return { err = "ERR " .. tostring(problem) }
        end
        return problem
    end
    globals._G = nil
    lock_libraries()
    globals._G = public
    lock_strictly(globals, public)
end

-- The globals of functions, and those of a library that is being loaded; returns a function that says which are in force.
local function seal_functions(load_globals)
    globals._G = nil
    lock_libraries()
    globals._G = lock_strictly(globals)
    load_globals.redis = lock_strictly(load_globals.redis)
    lock_strictly(load_globals)
    local metatable = { __index = globals, __newindex = refuse }
    setmetatable(public, metatable)
    contents[public] = {}
    shown[public] = lock({ __index = globals._G })
    return function(loading)
        metatable.__index = loading and load_globals or globals
    end
end

-- What was put into locked tables behind their backs (table.insert does not ask metatables) goes.
local function sweep()
    for locked in pairs(contents) do
        local key = next(locked)
        while key ~= nil do
            rawset(locked, key, nil)
            key = next(locked)
        end
    end
end

return seal_scripts, seal_functions, sweep
