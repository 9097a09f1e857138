"""The values that the generator draws arguments from.

Pools are small on purpose, so that commands meet: the same few keys, members, fields and ids come again and again, next
to the numbers at which servers change their mind. Rules the pools keep:

1. Nothing that depends on when a command runs: an expiry lies far ahead or in the past, an idle threshold is 0 or far
   beyond what a run can reach.
2. Nothing that a server answers with hundreds of megabytes: offsets are small or beyond every limit, and a negative
   count of the RANDMEMBER kind (which asks for repetitions) is small.
3. Nothing that blocks for longer than a few milliseconds.
"""

FAMILIES = ("string", "bitmap", "list", "hash", "set", "sorted_set", "stream", "hyperloglog", "geo")

KEYS = {
    "string": [b"s:1", b"s:2", b"s:3", b"s:n"],
    "bitmap": [b"b:1", b"b:2", b"b:3"],
    "list": [b"l:1", b"l:2", b"l:3"],
    "hash": [b"h:1", b"h:2", b"h:3"],
    "set": [b"t:1", b"t:2", b"t:3", b"t:4"],
    "sorted_set": [b"z:1", b"z:2", b"z:3", b"z:4"],
    "stream": [b"x:1", b"x:2", b"x:3"],
    "hyperloglog": [b"p:1", b"p:2", b"p:3"],
    "geo": [b"g:1", b"g:2"],
}
ODD_KEYS = [b"", b"k\x00\xff\r\n", b"missing", b"Key With Space", b"{tag}:a", b"any:1", b"any:2"]
# Lexical ranges are only defined where all scores are equal (else they follow a skiplist's random levels): these keys get
# score 0 alone, and no command but the generator's own ZADD writes scores to them.
LEX_KEYS = [b"y:1", b"y:2"]
# Lists for the cases of SORT that depend on the order of the elements; only RPUSH writes to them.
TEXT_KEYS = [b"o:1", b"o:2"]
# Redis's SORT looks at errno without having cleared it, and what an earlier command could not read as a number (1e500) is
# still there; this command clears it.
RESET_ERRNO = [b"INCRBYFLOAT", b"errno", b"0"]
ALL_KEYS = [key for keys in KEYS.values() for key in keys] + ODD_KEYS

SMALL_INTEGERS = [b"0", b"1", b"2", b"3", b"5", b"-1", b"-2", b"10", b"7"]
BOUNDARY_INTEGERS = [
    b"127", b"128", b"-128", b"-129", b"4095", b"4096", b"-4097", b"32767", b"32768", b"-32769", b"8388607", b"8388608",
    b"2147483647", b"2147483648", b"-2147483649", b"4294967296", b"9223372036854775807", b"-9223372036854775808",
]  # fmt: skip
NEAR_INTEGERS = [b"9223372036854775808", b"-9223372036854775809", b"-0", b"+1", b"01", b" 1", b"1 ", b"1.0", b"0x10", b"1e3"]

DOUBLES = [
    b"0", b"1", b"-1", b"2", b"3", b"1.5", b"-1.5", b"2.5", b"0.1", b"3.25", b"10", b"100", b"1e3", b"1.0", b"5.0e-1",
    b"0.30000000000000004", b"1e17", b"12345678901234567", b"-0", b"1e-7", b"3.0e21",
]  # fmt: skip
INFINITIES = [b"inf", b"-inf", b"+inf", b"Infinity", b"-Infinity"]
BAD_DOUBLES = [b"nan", b"abc", b"", b" 1", b"1 ", b"1.5.2", b"0x1p3", b"1e500", b"--1"]

SHORT_STRINGS = [b"a", b"b", b"c", b"d", b"e", b"f", b"foo", b"bar", b"hello", b"A", b"ab", b"abc", b"foobar", b"\xc3\xa9"]
ODD_STRINGS = [
    b"", b" ", b"\x00", b"\r\n", b"\xff\xfe\x00\x01", b"x" * 44, b"x" * 45, b"y" * 63, b"y" * 64, b"y" * 65, b"z" * 300,
    b"a\x00b", b'say "hi"', b"%s%n", b"w" * 5000,
]  # fmt: skip
STRINGS = SHORT_STRINGS * 3 + ODD_STRINGS + SMALL_INTEGERS + BOUNDARY_INTEGERS + NEAR_INTEGERS + DOUBLES
MEMBERS = SHORT_STRINGS * 6 + ODD_STRINGS + SMALL_INTEGERS * 3 + BOUNDARY_INTEGERS + [b"m%d" % i for i in range(40)]
FIELDS = [b"f1", b"f2", b"f3", b"f4", b"n", b"n2"] * 4 + MEMBERS
NUMBERS = SMALL_INTEGERS * 4 + BOUNDARY_INTEGERS + NEAR_INTEGERS
INDEXES = SMALL_INTEGERS * 6 + [b"-3", b"-5", b"-100", b"100", b"4", b"6"] * 2 + BOUNDARY_INTEGERS
COUNTS = [b"1", b"2", b"3", b"10", b"100", b"0"] * 4 + [b"-1", b"-2", b"9223372036854775807", b"4294967296"]
POSITIVE_COUNTS = [b"1", b"2", b"3", b"5", b"10", b"100"] * 4 + [b"0", b"-1", b"9223372036854775807"]
REPEAT_COUNTS = [b"1", b"2", b"3", b"5", b"-1", b"-3", b"-10", b"0", b"100"]
LIMITS = [b"0", b"1", b"2", b"3", b"10", b"-1", b"100"]

# Rule 1: seconds and milliseconds far ahead or gone; absolute times before 1971 or after 2060.
# Many and different: where GT or LT compares two times that were given alike, the servers' milliseconds decide.
TTL_SECONDS = [b"%d" % (1000 + 71 * step) for step in range(2000)] + [
    b"0", b"-1", b"-1000", b"9223372036854775807", b"9223372036854775",
] * 250  # fmt: skip
TTL_MS = [b"%d" % (1000500 + 71000 * step) for step in range(2000)] + [
    b"0", b"-1", b"9223372036854775807", b"-9223372036854775808",
] * 250  # fmt: skip
UNIX_SECONDS = [b"2900000000", b"3000000000", b"1", b"0", b"-1", b"9223372036854775807"]
UNIX_MS = [b"2900000000000", b"3000000000000", b"1", b"0", b"-1", b"9223372036854775807"]
WAITS_SECONDS = [b"0.001", b"0.002", b"1e-3"] * 5 + [b"-1", b"abc", b"", b"nan"]
WAITS_MS = [b"1", b"2"] * 5 + [b"-1", b"abc", b""]
MIN_IDLE_MS = [b"0", b"0", b"0", b"1000000", b"-1", b"abc"]
CLAIM_IDLE_MS = [b"0", b"5000000", b"-1", b"abc"]

BIT_OFFSETS = [b"0", b"1", b"7", b"8", b"9", b"15", b"31", b"63", b"64", b"100", b"1000"] * 3 + [
    b"-1", b"4294967296", b"9223372036854775807", b"abc", b"65000",
]  # fmt: skip
FIELD_OFFSETS = BIT_OFFSETS + [b"#0", b"#1", b"#2", b"#3", b"#10", b"#-1", b"#", b"#4294967296"]
BIT_VALUES = [b"0", b"1"] * 8 + [b"2", b"-1", b"a"]
BIT_TYPES = [b"u8", b"i8", b"u1", b"i5", b"u16", b"i16", b"u31", b"i32", b"u32", b"i64", b"u63"] * 3 + [
    b"u64", b"i65", b"u0", b"i0", b"x8", b"u", b"8", b"",
]  # fmt: skip
BYTE_OFFSETS = [b"0", b"1", b"2", b"3", b"5", b"10", b"20", b"50", b"100"] * 3 + [b"-1", b"536870912", b"9223372036854775807"]

SCORE_RANGES = [b"-inf", b"+inf", b"0", b"1", b"2", b"3", b"(1", b"(2", b"1.5", b"(0", b"-1", b"10", b"(-inf", b"(inf"] * 2 + [
    b"abc", b"", b"(", b"nan", b"(abc", b"[1",
]  # fmt: skip
LEX_RANGES = [b"-", b"+", b"[a", b"(a", b"[c", b"(e", b"[foo", b"(foo", b"[", b"(", b"[m1", b"[z", b"(\xff"] * 2 + [b"a", b"", b"*"]

STREAM_IDS = [b"%d-%d" % (ms, seq) for ms in (1, 2, 3, 5, 10) for seq in (0, 1, 2)]
FRESH_IDS = [b"%d-%d" % (ms, seq) for ms in range(1, 60) for seq in (1, 2)] + [b"%d-*" % ms for ms in range(1, 60, 3)]
ODD_IDS = [b"0-0", b"0-1", b"0", b"5", b"18446744073709551615-18446744073709551615", b"18446744073709551615", b"abc", b"1-x",
           b"18446744073709551616-1", b"-1-1", b"", b"1-1-1", b"-", b"+", b"$", b">"]  # fmt: skip
IDS = STREAM_IDS * 4 + ODD_IDS
RANGE_STARTS = [b"-"] * 12 + STREAM_IDS + [b"(1-1", b"(3-0", b"(-", b"5", b"2", b"+", b"abc", b"(", b"0"]
RANGE_ENDS = [b"+"] * 12 + STREAM_IDS + [b"(5-1", b"(3-2", b"(+", b"5", b"10", b"-", b"abc", b"100"]
GROUPS = [b"g1", b"g2"] * 6 + [b"g3", b"", b"missing"]
CONSUMERS = [b"c1", b"c2"] * 6 + [b"c3", b"", b"Alice"]

PATTERNS = [b"*", b"?", b"*:1", b"[a-c]", b"[^a]*", b"s:*", b"f?", b"h*llo", b"m[0-9]", b"\\*", b"", b"[a-", b"a*b*c", b"*o*", b"x\\", b"foo"]
TYPES = [b"string", b"list", b"set", b"zset", b"hash", b"stream", b"String", b"nothing", b""]
LONGITUDES = [b"13.361389", b"15.087269", b"0", b"-122.4", b"180", b"-180", b"179.9999", b"-179.99", b"14.2", b"-0.001", b"90"] * 8 + [
    b"181", b"abc", b"inf", b"nan", b"-180.0001", b"1e300",
]  # fmt: skip
LATITUDES = [b"38.115556", b"37.502669", b"0", b"37.8", b"85.05112878", b"-85.05112878", b"67", b"-81.5", b"85", b"0.002", b"-38"] * 8 + [
    b"90", b"abc", b"-85.0512", b"-inf",
]  # fmt: skip
DISTANCES = [b"100", b"200", b"0", b"1000", b"20000", b"0.5", b"3000", b"1e5", b"25e6", b"7000000", b"1", b"12.345"] * 6 + [
    b"-1", b"abc", b"inf", b"nan", b"1e300",
]  # fmt: skip
# Strings that are no HyperLogLog, or one whose runs cover more registers than there are, or none at all.
FALSE_HYPERLOGLOGS = [b"HYLL", b"HYLL\x02" + bytes(11) + b"\x7f\xff", b"HYLL\x00" + bytes(20), b"HYLL\x01" + bytes(11),
                      b"HYLL\x01" + bytes(11) + b"\x7f\xff\x00",
                      b"HYLL\x00" + bytes(11) + b"\xff" * 12288, b"HYLX\x01" + bytes(11) + b"\x7f\xff"]  # fmt: skip
HYPERLOGLOGS = [b"HYLL\x01" + bytes(11) + b"\x7f\xff", b"HYLL\x01" + bytes(10) + b"\x80\x8c\x7f\xfe"]
SORT_PATTERNS = [b"s:*", b"h:*->f1", b"h:*->n", b"*", b"z*", b"s:*->f1", b"h:*->", b"*:1", b"x:*", b"t\x00*", b"errno*"]
DATABASES = [b"0", b"1", b"2", b"15", b"16", b"-1", b"abc"]
CHANNELS = [b"news", b"ch:1", b"", b"\x00"]

# What a mutated argument becomes. None of these may turn a wait into a long one: see generator.py.
JUNK = [b"", b"abc", b"-1", b"1.5", b"nan", b"9223372036854775808", b"-9223372036854775809", b"1e3", b" 1", b"0x10", b"(", b"[",
        b"+", b"99999999999999999999", b"NX", b"xx", b"GET", b"COUNT", b"LIMIT", b"WITHSCORES", b"KEEPTTL", b"$"]  # fmt: skip
JUNK_WORDS = [b"abc", b"", b"(", b"NX", b"count", b"LEFT"]

# By argument name, then by (command, argument name), which wins; what neither names is drawn by its type.
BY_NAME = {
    "value": STRINGS, "element": MEMBERS, "member": MEMBERS, "member1": MEMBERS, "member2": MEMBERS, "field": FIELDS,
    "pivot": MEMBERS, "group": GROUPS, "consumer": CONSUMERS, "count": COUNTS, "index": INDEXES, "start": INDEXES,
    "stop": INDEXES, "end": INDEXES, "seconds": TTL_SECONDS, "milliseconds": TTL_MS, "timeout": WAITS_SECONDS,
    "unix-time-seconds": UNIX_SECONDS, "unix-time-milliseconds": UNIX_MS, "min-idle-time": MIN_IDLE_MS, "bit": BIT_VALUES,
    "encoding": BIT_TYPES, "offset": LIMITS, "limit": LIMITS, "id": IDS, "ID": IDS, "type": TYPES, "pattern": PATTERNS,
    "longitude": LONGITUDES, "latitude": LATITUDES, "radius": DISTANCES, "width": DISTANCES, "height": DISTANCES,
    "destination-db": DATABASES, "index1": DATABASES, "index2": DATABASES, "cursor": [b"0"] * 12 + [b"5", b"abc", b"-1"],
    "rank": INDEXES, "num-matches": COUNTS, "len": LIMITS, "min-match-len": LIMITS, "score": DOUBLES * 4 + INFINITIES + BAD_DOUBLES,
    "weight": DOUBLES + INFINITIES + BAD_DOUBLES, "lastid": IDS, "last-id": IDS, "max-deleted-id": IDS, "ms": CLAIM_IDLE_MS,
    "entries-added": COUNTS, "entries-read": COUNTS, "entriesread": COUNTS, "channel": CHANNELS, "shardchannel": CHANNELS,
    "by-pattern": SORT_PATTERNS * 2 + [b"nosort", b"", b"#"], "get-pattern": SORT_PATTERNS + [b"#"] * 6 + [b"s:1", b""],
    "message": SHORT_STRINGS, "db": DATABASES, "threshold": COUNTS,
}  # fmt: skip

BY_COMMAND = {
    # 7.2 cuts the index of LSET and LINDEX to 32 bits when the list is one listpack: not a behavior to keep.
    ("LSET", "index"): SMALL_INTEGERS + [b"-3", b"-5", b"100", b"2147483647"],
    ("LINDEX", "index"): SMALL_INTEGERS + [b"-3", b"-5", b"100", b"2147483647"],
    # SET to a time in the past leaves a key that the expiry cycle may or may not have met when DBSIZE counts.
    ("SET", "unix-time-seconds"): [b"2900000000", b"0", b"-1", b"9223372036854775807"],
    ("SET", "unix-time-milliseconds"): [b"2900000000000", b"0", b"-1"],
    ("SETBIT", "offset"): BIT_OFFSETS, ("GETBIT", "offset"): BIT_OFFSETS, ("SETBIT", "value"): BIT_VALUES,
    ("BITFIELD", "offset"): FIELD_OFFSETS, ("BITFIELD_RO", "offset"): FIELD_OFFSETS, ("BITFIELD", "value"): NUMBERS,
    ("BITFIELD", "increment"): NUMBERS, ("SETRANGE", "offset"): BYTE_OFFSETS, ("SETRANGE", "value"): SHORT_STRINGS + ODD_STRINGS,
    ("APPEND", "value"): SHORT_STRINGS + SMALL_INTEGERS + [b"x" * 44, b"\x00", b""],
    ("ZCOUNT", "min"): SCORE_RANGES, ("ZCOUNT", "max"): SCORE_RANGES, ("ZRANGEBYSCORE", "min"): SCORE_RANGES,
    ("ZRANGEBYSCORE", "max"): SCORE_RANGES, ("ZREVRANGEBYSCORE", "min"): SCORE_RANGES, ("ZREVRANGEBYSCORE", "max"): SCORE_RANGES,
    ("ZREMRANGEBYSCORE", "min"): SCORE_RANGES, ("ZREMRANGEBYSCORE", "max"): SCORE_RANGES, ("ZLEXCOUNT", "min"): LEX_RANGES,
    ("ZLEXCOUNT", "max"): LEX_RANGES, ("ZRANGEBYLEX", "min"): LEX_RANGES, ("ZRANGEBYLEX", "max"): LEX_RANGES,
    ("ZREVRANGEBYLEX", "min"): LEX_RANGES, ("ZREVRANGEBYLEX", "max"): LEX_RANGES, ("ZREMRANGEBYLEX", "min"): LEX_RANGES,
    ("ZREMRANGEBYLEX", "max"): LEX_RANGES, ("ZINCRBY", "increment"): DOUBLES * 3 + INFINITIES + BAD_DOUBLES,
    ("INCRBYFLOAT", "increment"): DOUBLES + BAD_DOUBLES + INFINITIES, ("HINCRBYFLOAT", "increment"): DOUBLES + BAD_DOUBLES,
    ("SPOP", "count"): [b"1", b"2", b"3", b"100", b"0", b"-1"], ("SRANDMEMBER", "count"): REPEAT_COUNTS,
    ("HRANDFIELD", "count"): REPEAT_COUNTS, ("ZRANDMEMBER", "count"): REPEAT_COUNTS, ("SCAN", "count"): POSITIVE_COUNTS,
    ("XADD", "id"): FRESH_IDS * 3 + ODD_IDS[:-2], ("XRANGE", "start"): RANGE_STARTS, ("XRANGE", "end"): RANGE_ENDS,
    ("XREVRANGE", "start"): RANGE_STARTS, ("XREVRANGE", "end"): RANGE_ENDS, ("XPENDING", "start"): RANGE_STARTS,
    ("XPENDING", "end"): RANGE_ENDS, ("XAUTOCLAIM", "start"): STREAM_IDS + [b"0", b"-", b"abc", b"(1-1"],
    ("XADD", "threshold"): LIMITS + STREAM_IDS, ("XTRIM", "threshold"): LIMITS + STREAM_IDS + ODD_IDS,
    ("XREAD", "milliseconds"): WAITS_MS, ("XREADGROUP", "milliseconds"): WAITS_MS, ("XREAD", "ID"): IDS + [b"0", b"$"] * 10,
    ("XREADGROUP", "ID"): IDS + [b">"] * 40 + [b"0"] * 10, ("WAIT", "numreplicas"): [b"0", b"1", b"-1", b"abc"],
    ("WAIT", "timeout"): WAITS_MS, ("XINFO STREAM", "count"): LIMITS, ("XCLAIM", "count"): COUNTS, ("SELECT", "index"): DATABASES,
    ("PFADD", "element"): MEMBERS + [b"e%d" % number for number in range(3000)], ("GETSET", "value"): STRINGS + HYPERLOGLOGS,
    ("SET", "value"): STRINGS * 3 + FALSE_HYPERLOGLOGS + HYPERLOGLOGS * 4,
    ("PFDEBUG", "subcommand"): [b"ENCODING", b"DECODE", b"todense", b"GETREG", b"other"], ("LINSERT", "pivot"): MEMBERS, ("LCS", "len"): LIMITS, ("XGROUP CREATE", "id"): IDS + [b"0"] * 30,
}  # fmt: skip

BY_TYPE = {"string": STRINGS, "integer": NUMBERS, "double": DOUBLES, "pattern": PATTERNS, "unix-time": UNIX_MS}
