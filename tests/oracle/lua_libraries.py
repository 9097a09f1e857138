#!/usr/bin/env python3
"""Writes the cases of cjson, cmsgpack, struct and bit: scripts, and what a Redis 7.2 makes of them.

    ORACLE_BIN=.../redis-server tests/oracle/lua_libraries.py

The unit test of src/scripting/libraries runs the same scripts. Each case is two lines: the script, and behind `= ` its results
as Lua would write them, behind `! ` its error, or behind `!! ` an error without the position of the script.
"""

import pathlib
import random
import re

from resp import Connection
from server import ROOT, Server, oracle_command

CASES = ROOT / "src/scripting/libraries/cases.txt"
# Also in the unit test.
SHOW = (ROOT / "src/scripting/libraries/show.lua").read_text()

NUMBERS = """0 -0 0.0 (-0.0) 1 -1 0.5 0.1 -0.1 1/3 2/3 -1/3 123.456 1e5 1e13 1e14 99999999999999 100000000000000 999999999999999
    123456789012345 1234567890123456 1e15 1e16 1e20 1e21 1e100 -1e100 1e300 5e-324 2.2250738585072014e-308 1e-4 1e-5 0.00012345678901234567
    0.000012345678901234567 12345678901234.5 1234567890123.45 99999999999999.5 9999999999999.95 0.99999999999999999 0.99999999999995
    2^31 2^31-1 -2^31 -2^31-1 2^32 2^32-1 2^33 2^53 2^53+1 -2^53 2^62 2^63 -2^63 -2^63-2048 2^64 2^64-2048 2^65 -2^64 2^127 2^128
    127 128 255 256 32767 32768 65535 65536 -32 -33 -127 -128 -129 -32768 -32769 -65536 1/0 -1/0 0/0 -(0/0) 1.5 2.5 3.5 -1.5 -2.5 0.125
    0.0625 3.14159265358979 16777216 16777217 16777217.5 3.4028234663852886e38 3.5e38 1e-45 1e-46 4294967295.5 4294967296.5 6755399441055744""".split()
VALUES = r"""nil true false '' 'a' '5' '0x10' '\t7\t' '1e2' 'x' {} {1} cjson.null next cjson.encode""".split()


def bytes_in_lua(data):
    return (
        '"' + "".join(f"\\{byte:03}" if byte < 32 or byte > 126 or byte in b'"\\' else chr(byte) for byte in data) + '"'
    )


def doubles(rng, count):
    for _ in range(count):
        digits = rng.randrange(1, 18)
        yield f"{rng.uniform(-1, 1):.{digits}g}e{rng.randrange(-20, 20)}"


def cjson_encode(rng):
    for value in [*NUMBERS, *VALUES, *doubles(rng, 60)]:
        yield f"return cjson.encode({value})"
        yield f"return cjson.encode({{{value}}})"
    for precision in (1, 2, 3, 7, 13):
        for value in [*NUMBERS[::3], *doubles(rng, 8), "0.25", "0.35", "250", "350", "2.5e-5", "95", "99.5"]:
            yield f"local c = cjson.new() c.encode_number_precision({precision}) return c.encode({value})"
    for text in (
        "/",
        '"',
        "\\",
        "\x7f",
        "\x00",
        "".join(map(chr, range(32))),
        "h\u00e9llo \u20ac \U0001f600",
        'a/b\\c"d',
    ):
        yield f"return cjson.encode({bytes_in_lua(text.encode())})"
    yield f"return cjson.encode({bytes_in_lua(bytes(range(128, 256)))})"
    tables = r"""{1,2,3} {1,nil,3} {nil,nil,3} {a=1} {['a\32b']='c'} {1,2,a=3} {[1]=1,[2]=2} {[2]=2} {[3]=1} {[10]=1} {[11]=1} {[11]=1,[5]=2}
        {[12]=1,[1]=1,[2]=1,[3]=1,[4]=1,[5]=1} {[13]=1,[1]=1,[2]=1,[3]=1,[4]=1,[5]=1} {[0]=1} {[-1]=1} {[1.5]=1} {[1]=1,[1.5]=2} {[2^31]=1}
        {[2^31]=1,[5]=2} {[2^40]=1,[3]=1} {[1/0]=1} {[-1/0]=1} {[true]=1} {[{}]=1} {[next]=1} {[1]=1,[true]=2} {{}} {{{}}} {a={}} {{},{}} {a={b={c={1,{2}}}}}
        {[1e15]=1} {[0.1]=1} {[1e100]='x'} {['']=''} {[1]=next} {a=next} {1,next,[100]=1} {true,false,cjson.null} {x=1,y=2,z=3} {'a','b',{c={'d'}}}
        {one=1,two=2,three=3,four=4,five=5,six=6,seven=7,eight=8,nine=9} setmetatable({},{__index={1,2,3}}) setmetatable({1},{__tostring=next})""".split()
    for table in tables:
        yield f"return cjson.encode({table})"
        yield f"local c = cjson.new() c.encode_sparse_array(true) return c.encode({table})"
        yield f"local c = cjson.new() c.encode_invalid_numbers('on') return c.encode({table})"
    for sparse in ("true,1,0", "false,1,0", "false,0,0", "true,3,2", "false,100,0", "nil,nil,5"):
        for table in ("{[3]=1}", "{[6]=1,[1]=1}", "{[7]=1,[1]=1}", "{1,2,3}", "{[50]=1}"):
            yield f"local c = cjson.new() c.encode_sparse_array({sparse}) return c.encode({table})"
    for mode in ("true", "false", "'on'", "'off'", "'null'"):
        for value in ("1/0", "-1/0", "0/0", "-(0/0)", "{[1/0]=1}", "{0/0,1/0}", "1"):
            yield f"local c = cjson.new() local m = c.encode_invalid_numbers({mode}) return m, c.encode({value})"
    for depth in (1, 2, 3, 999, 1000, 1001, 1100):
        yield f"local t = {{}} for i = 2, {depth} do t = {{t}} end local s = cjson.encode(t) return #s"
        yield f"local t = {{}} for i = 2, {depth} do t = {{a = t}} end local s = cjson.encode(t) return #s"
        yield f"local c = cjson.new() c.encode_max_depth(2) local t = {{}} for i = 2, {depth} do t = {{t}} end return #c.encode(t)"
    yield "local t = {} t[1] = t return cjson.encode(t)"
    yield "local t = {} t.t = t return cjson.encode(t)"
    for length in (255, 256, 257, 65536):
        yield f"return #cjson.encode(string.rep('\\1', {length}))"
    for size in (9, 17, 40, 300):
        yield f"local t = {{}} for i = 1, {size} do t['k' .. i] = i end return cjson.encode(t)"
        yield f"local t = {{}} for i = {size}, 1, -1 do t[i] = i * 0.5 end return cjson.encode(t)"
    yield "return cjson.encode()"
    yield "return cjson.encode(1, 2)"
    yield "return cjson.encode(nil)"
    yield "return cjson:encode()"
    yield "return cjson:encode(1)"
    yield "local e = cjson.encode return e()"
    yield "return cjson.encode(coroutine.create(function() end))"


DOCUMENTS = [
    '{"a":[1,2.5,{"b":null}],"c":"x\\u00e9\\n","d":true,"e":false}',
    " [ ] ",
    "{}",
    "[[],{},[{}]]",
    '{"k":{"k":{"k":[1]}}}',
    '[1,"two",null,true]',
]
TEXTS = r"""1 -1 0 -0 0123 -012 1.5 1. .5 -.5 1e5 1E5 1e+5 1e-5 1e 1e+ 1.e5 +1 +-1 - -- -a 0x10 0X1F 0x 0x. 0x1p4 0x1.8p1 0x1p -0x10 1e400 -1e400
    1e-400 1e308 123456789012345678901234567890 0.1 0.30000000000000004 9007199254740993 999999999999999 1000000000000000 2147483648 inf Inf -inf
    INFINITY infinit infinity nan NaN -nan nan(1) nan(x nano nul null nulll NULL tru true True truex false falsee fals i n N I t f + 1x 1,2 "a"
    "a "a\ "a\" "\a" "\u" "\u12" "\u12g4" "\u0041" "\u00e9" "\u20AC" "\uD83D\uDE00" "\uD83D" "\uD83Dx" "\uD83D\n" "\uD83D\u0041" "\uDE00" "\uD83D\uD83D"
    "\u0000" "\"\\\/\b\f\n\r\t" "\q" "\N" 'a' [ ] { } [1 [1, [1,] [,] [,1] [1,,2] [1:2] {"a" {"a": {"a":} {"a":1 {"a":1, {"a":1,} {1:2} {a:1} {"a",1} {"a":1:2}
    {"a"::1} {"a":1}} [1]] [1]1 1] : , {"a":1,"a":2} {"":1} {"1":1,"2":2} [null] [null,1,null] {"a":null} @ # a \ / /*x*/1 \u0041 [1]//x [-] [+1] [0x1] [1e] ["a":1]
    {"a":[} [{] {"a":{"b":1,2}} [nan,inf,-inf]""".split()


def cjson_decode(rng):
    for text in [*DOCUMENTS, *TEXTS, "", " ", "\t\n\r 1 \t\n\r", "\v1", "1 2", "[1 2]", '"\x01\x1f\x7f"', '"h\u00e9"']:
        yield f"return cjson.decode({bytes_in_lua(text.encode())})"
    for text in TEXTS:
        yield f"local c = cjson.new() c.decode_invalid_numbers(false) return c.decode({bytes_in_lua(text.encode())})"
    for raw in (
        b"\x00",
        b"1\x00",
        b"\x001",
        b"12\x00",
        b"12\x00x",
        b"[1]\x00]",
        b'"ab\x00c"',
        b'["a\\\x00"]',
        b'"\xff\xfe"',
        b"\xff",
        b"\xef\xbb\xbf1",
    ):
        yield f"return cjson.decode({bytes_in_lua(raw)})"
    for document in DOCUMENTS:
        for cut in range(1, len(document), 2):
            yield f"return cjson.decode({bytes_in_lua(document[:cut].encode())})"
        for _ in range(12):
            changed = list(document)
            changed[rng.randrange(len(changed))] = rng.choice('{}[],:"\\ 01e.-tfn\x00')
            yield f"return cjson.decode({bytes_in_lua(''.join(changed).encode())})"
    for number in doubles(rng, 40):
        yield f"return cjson.decode('{number}')"
    for depth in (999, 1000, 1001, 2000):
        yield f"local t = cjson.decode(string.rep('[', {depth}) .. string.rep(']', {depth})) return #t"
        yield f"local t = cjson.decode(string.rep('{{\"a\":', {depth}) .. '1' .. string.rep('}}', {depth})) return type(t.a)"
        yield f"return cjson.decode(string.rep(' [', {depth}))"
    yield "local c = cjson.new() c.decode_max_depth(2) return c.decode('[[1]]'), c.decode('{\"a\":[]}')"
    yield "local c = cjson.new() c.decode_max_depth(2) return c.decode('[[[1]]]')"
    yield 'local c = cjson.new() c.decode_max_depth(2) return c.decode(\'{"a":{"b":{ }}}\')'
    for keys in (5, 9, 17, 33):
        names = [f"{rng.choice('abcdefgh')}{rng.randrange(1000)}" for _ in range(keys)]
        document = "{" + ",".join(f'"{name}":{at}' for at, name in enumerate(names)) + "}"
        yield f"return cjson.decode('{document}')"
        yield f"return cjson.encode(cjson.decode('{document}'))"
    for value in ["", *VALUES, "12", "1.5", "1, 2", "nil, 2"]:
        yield f"return cjson.decode({value})"
    yield "return cjson.decode('null') == cjson.null, cjson.new().null == cjson.null"
    yield "local t = cjson.decode('[1,2,3,4,5]') t[5] = nil t[3] = nil return #t"
    yield "local t = cjson.decode('[1,2,3,4,5,6,7]') t[7] = nil t[4] = nil t.x = 1 return #t, t"


def cjson_settings():
    functions = """encode_sparse_array encode_max_depth decode_max_depth encode_number_precision encode_keep_buffer
        encode_invalid_numbers decode_invalid_numbers""".split()
    arguments = [
        "",
        "nil",
        "true",
        "false",
        "'on'",
        "'off'",
        "'null'",
        "'x'",
        "'on\\0x'",
        "0",
        "1",
        "2",
        "14",
        "15",
        "-1",
        "1.9",
        "'3'",
        "{}",
        "next",
        "2^31",
        "2^32+5",
        "2^31-1",
        "0/0",
        "1/0",
        "nil, nil",
        "1, 2",
        "true, 1",
        "true, 0, 0",
        "true, -1",
        "true, 1, -1",
        "nil, 'x'",
        "nil, nil, 2^31",
        "true, 1, 2, 3",
        "nil, nil, nil, nil",
        "true, true",
        "nil, {}",
    ]
    for name in functions:
        for given in arguments:
            yield f"local c = cjson.new() return c.{name}({given})"
        yield f"local c = cjson.new() pcall(c.{name}, false, 5, 'x') return c.{name}()"
    yield "local c = cjson.new() c.encode_max_depth(1) return pcall(c.encode_max_depth, 0), c.encode_max_depth(), cjson.new().encode_max_depth()"
    yield "local c = cjson.new() return c._NAME, c._VERSION, cjson._NAME, cjson._VERSION"
    yield "local c = cjson.new(1, 2) local names = {} for k, v in pairs(c) do names[#names + 1] = k .. type(v) end table.sort(names) return names"
    yield "local c = cjson.new() local d = c.new() c.encode_max_depth(1) return d.encode_max_depth()"
    yield "local c = cjson.new() c.encode_keep_buffer(false) return c.encode({1, 2}), c.encode_keep_buffer(true), c.encode({3})"


def cmsgpack_pack(rng):
    show = "(cmsgpack.pack({}))"
    for value in [*NUMBERS, *VALUES, *doubles(rng, 20)]:
        yield "return " + show.format(value)
        yield "return " + show.format(f"{{a={value}}}")
    for around in (128, 256, 65536, 2**32, 2**31, 2**15):
        for delta in (-1, 0, 1):
            yield "return " + show.format(around + delta)
            yield "return " + show.format(-around + delta)
    for length in (0, 1, 31, 32, 33, 255, 256, 65535, 65536, 70000):
        yield f"local p = cmsgpack.pack(string.rep('x', {length})) return #p, p:sub(1, 8)"
        yield f"local t = {{}} for i = 1, {length} do t[i] = 1 end local p = cmsgpack.pack(t) return #p, p:sub(1, 8)"
        yield f"local t = {{}} for i = 1, {length} do t['k' .. i] = 1 end local p = cmsgpack.pack(t) return #p, p:sub(1, 5)"
    for table in """{1,2,3} {1,nil,3} {nil,2} {[1]=1,[3]=3} {[2]=1,[1]=2} {[0]=1} {[-1]=1} {[1.5]=2} {a=1} {1,2,a=3} {[true]=false} {[{}]=1} {[next]=2}
            {[2^31]=1} {[2^31-1]=1} {[1/0]=1} {{}} {{{}}} {a={b={1}}} {[{1}]={2}} {cjson.null} {next} {['']=''} setmetatable({},{__index={1}})
            {x=1,y=2,z=3,w='v',u={1,2}}""".split():
        yield "return " + show.format(table)
    for depth in (14, 15, 16, 17, 18, 30):
        yield f"local t = {{}} for i = 2, {depth} do t = {{t}} end return cmsgpack.pack(t)"
        yield f"local t = {{}} for i = 2, {depth} do t = {{a = t}} end return cmsgpack.pack(t)"
        yield f"local t = {{}} for i = 2, {depth} do t = {{[t] = 1}} end return cmsgpack.pack(t)"
    yield "local t = {} t[1] = t return cmsgpack.pack(t)"
    yield "local t = {} t.a = t return cmsgpack.pack(t, 7)"
    yield "return cmsgpack.pack()"
    yield "return cmsgpack.pack(nil)"
    yield "return cmsgpack.pack(1, 'a', {}, nil, true)"
    yield "local p = cmsgpack.pack return p()"
    yield "local t = {} for i = 1, 4000 do t[i] = i end return #cmsgpack.pack(unpack(t))"
    yield "local t = {} for i = 1, 4001 do t[i] = i end return #cmsgpack.pack(unpack(t))"
    yield "return cmsgpack._NAME, cmsgpack._VERSION, cmsgpack._COPYRIGHT, cmsgpack._DESCRIPTION, cmsgpack.safe"


def cmsgpack_unpack(rng):
    for first in range(256):
        if first >= 0xC0 or first % 16 in (0, 1, 15):
            yield f"return cmsgpack.unpack({bytes_in_lua(bytes([first]))})"
            yield f"return cmsgpack.unpack({bytes_in_lua(bytes([first]) + bytes.fromhex('0001020384050607'))})"
        if first >= 0xC0:
            yield f"return cmsgpack.unpack({bytes_in_lua(bytes([first]) + bytes.fromhex('fedcba9876543210'))})"
            yield f"return cmsgpack.unpack({bytes_in_lua(bytes([first]) + bytes.fromhex('00000001ff'))})"
    for text in (
        "",
        "93010203",
        "83a161 01a162 02a163 03",
        "92 82a161c0a16201 c3",
        "81c001",
        "8101c0",
        "81cb7ff800000000000001",
        "81ca7fc0000001",
        "82 01 02 01 03",
        "9101 a0",
        "dd00000000",
        "df00000000",
        "db00000000",
        "db00000002 6162",
        "dc0002c0c0",
        "dd00000002 0102",
        "dd ffffffff",
        "df ffffffff 01",
        "de0001 9001",
        "81 81 01 02 03",
        "93 c0 01 c0",
        "81 90 90",
        "81 01",
        "92 01",
        "92 c1",
        "c1",
        "01c1",
        "a3 6162",
        "d9 03 6162",
        "cf8000000000000000",
        "cfffffffffffffffff",
        "d38000000000000000",
        "ca 7f800000",
        "ca 7fc00000",
        "cb 3ff8000000000000",
        "81 cb3ff0000000000000 01",
        "81 cb7ff0000000000000 01",
        "da ffff 61",
        "c403616263",
        "d40001",
        "c70001",
    ):
        data = bytes.fromhex(text)
        yield f"return cmsgpack.unpack({bytes_in_lua(data)})"
        yield f"return cmsgpack.unpack_one({bytes_in_lua(data)})"
        yield f"return cmsgpack.unpack_limit({bytes_in_lua(data)}, 2, 1)"
    for _ in range(80):
        data = bytes(
            rng.choice([rng.randrange(256), rng.choice([0x81, 0x92, 0xA2, 0xC0, 0xC3, 0xD9, 0x01])])
            for _ in range(rng.randrange(2, 14))
        )
        yield f"return cmsgpack.unpack({bytes_in_lua(data)})"
    stream = bytes_in_lua(bytes.fromhex("01a16192 0102 c0 c3"))
    for given in (
        "0",
        "1",
        "2",
        "3",
        "6",
        "7",
        "8",
        "9",
        "-1",
        "nil",
        "'2'",
        "1.9",
        "'x'",
        "{}",
        "2^40",
        "2^63",
        "0/0",
    ):
        yield f"return cmsgpack.unpack_one({stream}, {given})"
        for limit in rng.sample(["0", "1", "2", "100", "-1", "nil", "'1'", "2^33"], 5):
            yield f"return cmsgpack.unpack_limit({stream}, {limit}, {given})"
    for function in ("unpack", "unpack_one", "unpack_limit"):
        for given in ["", *VALUES, "'\\1\\2', 1", "12", "12, 1", "'\\1', 1, 1, 1"]:
            yield f"return cmsgpack.{function}({given})"
    for count in (7000, 8000, 9000):
        yield f"return #{{cmsgpack.unpack(string.rep('\\1', {count}))}}"
    for first in (145, 129):
        for count in (100, 2000, 3900, 5000, 9000):
            yield (
                f"return type(cmsgpack.unpack(string.rep('\\{first}\\1', {count}) .. '\\1'))"
                if first == 129
                else f"return type(cmsgpack.unpack(string.rep('\\{first}', {count}) .. '\\1'))"
            )
    yield "return type(cmsgpack.unpack(string.rep('\\129', 9000)))"
    yield "return type(cmsgpack.unpack(string.rep('\\129\\1\\145', 5000)))"
    yield "local t = cmsgpack.unpack('\\149\\1\\2\\3\\4\\5') t[5] = nil t[3] = nil return #t, t"


def structs(rng):
    numbers = [
        "0",
        "1",
        "-1",
        "255",
        "256",
        "-128",
        "65535",
        "2^31",
        "-2^31",
        "2^32",
        "2^53",
        "2^63",
        "2^64",
        "1e20",
        "-1e20",
        "1/0",
        "-1/0",
        "0/0",
        "1.9",
        "-1.9",
        "'12'",
        "3.14",
    ]
    for option in "b B h H l L T i I i1 i2 i3 I3 i4 i5 i7 I7 i8 I8 i9 i16 I16 i32 I32 i0 I0 f d".split():
        for number in rng.sample(numbers, 8):
            order = rng.choice("><")
            yield f"local p = struct.pack('{order}{option}', {number}) return p, struct.unpack('{order}{option}', p)"
    mixed = [
        "bhilLTfd",
        "!bhilLTfd",
        "!4bhilLTfd",
        "!2bhilLTfd",
        "!1bhilLTfd",
        "!8bi3i5i7",
        "!4bi3bi6bi7b",
        "!16bd",
        "!bxhxixl",
        ">bhi<bhi",
        "! b h i",
        "!8 b >i8 <i8",
        "bbb!4i",
        "!i16bi16",
        "!32bi32",
        "!8bTbL",
    ]
    for format in mixed:
        count = sum(option in "bBhHlLTiIfd" for option in format)
        given = "".join(f", {value}" for value in range(1, count + 1))
        yield f"return struct.size('{format}')"
        yield f"local p = struct.pack('{format}'{given}) return p, struct.unpack('{format}', p)"
        yield f"return struct.unpack('{format}', string.rep('\\255', 90))"
        yield f"return struct.unpack('{format}', string.rep('\\200\\1', 40), 3)"
    strings = ["s", "c0", "c", "c1", "c3", "c5", "ss", "Bc0", "ic0s", "sc2", "!c3i", "c3!4i", "xs", "s!4i"]
    for format in strings:
        for given in rng.sample(
            [
                "",
                ", 'abc'",
                ", 'abc', 'de'",
                ", 3, 'abc'",
                ", 3, 'abc', 'z'",
                ", 'a\\0b', 5",
                ", 77",
                ", nil",
                ", {}",
                ", ''",
            ],
            7,
        ):
            yield f"return struct.pack('{format}'{given})"
        for data in ("", "abc", "\\3abc", "abc\\0de\\0", "\\2\\0\\0\\0abcd\\0", "5\\0abcdef"):
            for position in ("", ", 2"):
                yield f"return struct.unpack('{format}', '{data}'{position})"
        yield f"return struct.size('{format}')"
    for format in (
        "z",
        "a",
        "1",
        "9b",
        "-",
        "\\200",
        "\\0b",
        "b\\0z",
        "!3",
        "!0",
        "!6b",
        "!33",
        "i33",
        "i99999999999",
        "c99999999999",
        "!99999999999",
        "i2147483647",
        "c2147483647",
        "c2147483648",
        "!1073741824i",
        "!2147483647",
        "i",
        "I33",
        "b3",
        "s4",
        "f4",
        "?",
        "=",
        "!!4i",
        "%",
        "<>",
        " ",
        "",
    ):
        for function in ("size", "pack", "unpack"):
            given = {"size": "", "pack": ", 1, 2", "unpack": ", 'abcdefgh'"}[function]
            yield f"return struct.{function}('{format}'{given})"
    for given in (
        "",
        "1",
        "nil",
        "{}",
        "true",
        "'i'",
        "'i', nil",
        "'i', {}",
        "'i', 'x'",
        "'ii', 1",
        "'f'",
        "'d', 'x'",
        "'s', nil",
        "'s'",
        "'b', true",
    ):
        yield f"return struct.pack({given})"
        yield f"return struct.unpack({given})"
        yield f"return struct.size({given})"
    for position in ("0", "1", "3", "4", "5", "-1", "-5", "2^40", "2^63", "nil", "'2'", "'x'", "1.9", "{}"):
        for format in ("b", "", "s", "x", "<", "!4i", "c0"):
            yield f"return struct.unpack('{format}', 'ab\\0', {position})"
    for data in (
        "bc0', '\\255ab'",
        "bc0', '\\2ab'",
        "sc0', '2\\0ab'",
        "sc0', 'x\\0ab'",
        "dc0', string.rep('\\0', 9) .. 'a'",
        "<dc0', '\\0\\0\\0\\0\\0\\0\\240\\63abc'",
        "c0', 'abc'",
        "bc0c0', '\\0\\1'",
        "fc0', '\\0\\0\\192\\127abc'",
    ):
        yield f"return struct.unpack('{data})"
    for count in (7000, 8000, 9000):
        yield f"return select('#', struct.unpack(string.rep('b', {count}), string.rep('a', {count})))"


def bit(rng):
    values = [*NUMBERS[::2], "'5'", "'0x10'", "' 12 '", "0xffffffff", "0x80000000", "0x12345678", "-0x12345678"]
    for function in ("tobit", "bnot", "bswap", "tohex"):
        for value in values:
            yield f"return bit.{function}({value})"
    for function in ("band", "bor", "bxor"):
        for _ in range(12):
            yield f"return bit.{function}({rng.choice(values)}, {rng.choice(values)}, {rng.choice(values)})"
        for given in ("1", "0x0f0f", "1, 'x'", "1, {}, 'x'", "'x', {}", "1, 2, nil"):
            yield f"return bit.{function}({given})"
    for function in ("lshift", "rshift", "arshift", "rol", "ror"):
        for by in ("0", "1", "4", "31", "32", "33", "-1", "1.5", "2.5", "'3'", "2^32 + 1", "", "nil"):
            yield f"return bit.{function}(0x87654321{', ' if by else ''}{by})"
        for _ in range(5):
            yield f"return bit.{function}({rng.choice(values)}, {rng.randrange(40)})"
    for digits in (
        "0",
        "1",
        "4",
        "7",
        "8",
        "9",
        "-1",
        "-4",
        "-8",
        "-9",
        "-100",
        "2^31 - 1",
        "1.5",
        "'3'",
        "nil",
        "'x'",
    ):
        yield f"return bit.tohex(0xabcdef12, {digits})"
    for function in "tobit tohex bnot band bor bxor lshift rshift arshift rol ror bswap".split():
        for value in ["", *VALUES]:
            yield f"return bit.{function}({value})"
    yield "return bit:band(1)"
    yield "local names = {} for k, v in pairs(bit) do names[#names + 1] = k .. type(v) end table.sort(names) return names"
    yield "local names = {} for k, v in pairs(struct) do names[#names + 1] = k .. type(v) end table.sort(names) return names"
    yield "local names = {} for k, v in pairs(cmsgpack) do names[#names + 1] = k .. type(v) end table.sort(names) return names"


def scripts():
    rng = random.Random(724)
    generators = [
        cjson_encode(rng),
        cjson_decode(rng),
        cjson_settings(),
        cmsgpack_pack(rng),
        cmsgpack_unpack(rng),
        structs(rng),
        bit(rng),
    ]
    for generator in generators:
        yield from dict.fromkeys(generator)


def outcome(reply):
    if isinstance(reply, bytes):
        return b"= " + reply
    text = re.fullmatch(rb"(?s)ERR (.*) script: [0-9a-f]{40}, on @user_script:1\.", reply[1])[1]
    text, positioned = re.subn(rb"^user_script:1: ", b"", text)
    # Errors are UTF-8 in Tartan.
    return (b"! " if positioned else b"!! ") + text.decode(errors="replace").encode()


def main():
    with Server(oracle_command()) as oracle:
        connection = Connection(oracle.port, 30)
        lines = []
        for script in scripts():
            assert "\n" not in script
            reply = connection.call("EVAL", f"return ({SHOW.replace(chr(10), ' ')})((function() {script} end)())", "0")
            lines += [script.encode(), outcome(reply)]
    CASES.write_bytes(b"\n".join(lines) + b"\n")
    print(f"{len(lines) // 2} cases in {CASES}")


if __name__ == "__main__":
    main()
