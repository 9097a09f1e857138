//! Whether bytes are whole replies.

/// What is wrong with `bytes`, if they are not replies of RESP2 or RESP3 and nothing else.
pub fn check(mut bytes: &[u8]) -> Result<(), &'static str> {
    while !bytes.is_empty() {
        bytes = skip(bytes)?;
    }
    Ok(())
}

/// What is behind the first reply.
fn skip(bytes: &[u8]) -> Result<&[u8], &'static str> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n").ok_or("a line without an end")?;
    let (line, rest) = (&bytes[1..end], &bytes[end + 2..]);
    let count = || std::str::from_utf8(line).ok().and_then(|text| text.parse::<i64>().ok()).ok_or("no count");
    match bytes[0] {
        b'+' | b'-' | b',' | b'#' | b'(' | b'_' => Ok(rest),
        b':' => count().map(|_| rest),
        b'$' | b'=' | b'!' => match count()? {
            -1 => Ok(rest),
            len => skip_bulk(rest, usize::try_from(len).map_err(|_| "a negative length")?),
        },
        b'*' | b'~' | b'>' => skip_all(rest, count()?),
        b'%' => skip_all(rest, count()? * 2),
        // An attribute stands before what it is about.
        b'|' => skip(skip_all(rest, count()? * 2)?),
        _ => Err("an unknown type"),
    }
}

fn skip_bulk(rest: &[u8], len: usize) -> Result<&[u8], &'static str> {
    match rest.split_at_checked(len) {
        Some((_, rest)) => rest.strip_prefix(b"\r\n").ok_or("a bulk without an end"),
        None => Err("a bulk that is cut off"),
    }
}

fn skip_all(mut rest: &[u8], count: i64) -> Result<&[u8], &'static str> {
    for _ in 0..count {
        rest = skip(rest)?;
    }
    Ok(rest)
}
