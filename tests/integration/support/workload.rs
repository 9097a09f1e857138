//! Commands for tests that compare two data sets.

/// One of 16 kinds of writes to few keys, none of which commutes with the others.
pub fn write(kind: u8, key: u8, other: u8, number: u16) -> String {
    match kind {
        0 => format!("APPEND s{key} {number},"),
        1 => format!("SET s{key} {number}"),
        2 => format!("MSET s{key} {number} s{other} x{number}"),
        3 => format!("RENAME s{key} s{other}"),
        4 => format!("RPUSH l{key} {number}"),
        5 => format!("LPOP l{key} 2"),
        6 => format!("LMOVE l{key} l{other} LEFT RIGHT"),
        7 => format!("SADD t{key} {number}"),
        8 => format!("SPOP t{key}"),
        9 => format!("SDIFFSTORE t{key} t{other} t{number}"),
        10 => format!("ZADD z{key} {number} m{other}"),
        11 => format!("ZPOPMIN z{key}"),
        12 => format!("HSET h{key} f{other} {number}"),
        13 => format!("COPY h{key} h{other} REPLACE"),
        14 => format!("GETDEL s{key}"),
        _ => format!("HINCRBYFLOAT h{key} n 0.{number}1"),
    }
}
