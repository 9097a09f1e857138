function(...)
    local function quoted(character)
        return string.format("\\x%02x", string.byte(character))
    end
    local function show(value)
        if type(value) == "string" then
            return '"' .. string.gsub(value, '[%z\1-\31"\\\127-\255]', quoted) .. '"'
        elseif type(value) == "number" then
            return value ~= value and "nan" or string.format("%.17g", value)
        elseif type(value) == "table" then
            local parts = {}
            for key, element in pairs(value) do
                parts[#parts + 1] = "[" .. show(key) .. "]=" .. show(element)
            end
            return "{" .. table.concat(parts, ", ") .. "}"
        elseif type(value) == "function" then
            return "function"
        end
        return tostring(value)
    end
    local shown = {}
    for index = 1, select("#", ...) do
        shown[index] = show((select(index, ...)))
    end
    return table.concat(shown, ", ")
end
