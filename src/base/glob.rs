//! Redis's glob patterns: KEYS, SCAN MATCH, PSUBSCRIBE, CONFIG GET, ACL rules.
//!
//! `*` any bytes, `?` one byte, `[abc]`, `[^abc]`, `[a-z]` one byte of a class, `\x` the byte `x` itself. Everything but
//! `*` takes exactly one byte. On a mismatch only the last `*` has to give way, by one byte: what an earlier one could gain by
//! taking more, the last one gains too. So the work is at most pattern length times text length, without recursion.
//!
//! Oddities kept from Redis 7.2:
//!
//! 1. An empty text matches only the empty pattern, not even `*`.
//! 2. A class that is never closed ends with the pattern.
//! 3. The ends of a range compare as signed bytes and may come in either order.
//! 4. A backslash inside a class quotes the next byte, which then compares case-sensitively.

/// Whether letters of ASCII compare equal to their other case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case {
    /// `a` is not `A`.
    Sensitive,
    /// `a` is `A`.
    Insensitive,
}

/// Whether the whole of `text` matches `pattern`.
pub fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut rest, mut at) = (pattern, 0);
    let mut last_star: Option<(&[u8], usize)> = None;
    while at < text.len() {
        if rest.first() == Some(&b'*') {
            rest = skip_stars(rest);
            if rest.is_empty() {
                return true;
            }
            last_star = Some((rest, at));
        } else if let Some(after) = match_one(rest, text[at], case) {
            (rest, at) = (after, at + 1);
        } else if let Some((after_star, taken)) = last_star {
            (rest, at) = (after_star, taken + 1);
            last_star = Some((rest, at));
        } else {
            return false;
        }
    }
    skip_stars(rest).is_empty()
}

fn skip_stars(pattern: &[u8]) -> &[u8] {
    let stars = pattern.iter().take_while(|&&byte| byte == b'*').count();
    &pattern[stars..]
}

/// The pattern behind its first part, if that part matches `byte`.
#[inline]
fn match_one(pattern: &[u8], byte: u8, case: Case) -> Option<&[u8]> {
    let (matched, rest) = match pattern {
        [] => return None,
        [b'?', rest @ ..] => (true, rest),
        [b'[', b'^', class @ ..] => {
            let (matched, rest) = match_class(class, byte, case);
            (!matched, rest)
        }
        [b'[', class @ ..] => match_class(class, byte, case),
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] => (equal(*literal, byte, case), rest),
    };
    matched.then_some(rest)
}

/// Whether `byte` is in the class whose members start `class`, and the pattern behind it.
fn match_class(mut class: &[u8], byte: u8, case: Case) -> (bool, &[u8]) {
    let mut matched = false;
    loop {
        class = match class {
            [] => return (matched, class),
            [b'\\', literal, rest @ ..] => {
                matched |= *literal == byte;
                rest
            }
            [b']', rest @ ..] => return (matched, rest),
            [start, b'-', end, rest @ ..] => {
                matched |= in_range(*start, *end, byte, case);
                rest
            }
            [literal, rest @ ..] => {
                matched |= equal(*literal, byte, case);
                rest
            }
        };
    }
}

fn in_range(start: u8, end: u8, byte: u8, case: Case) -> bool {
    let (low, high) = if start as i8 > end as i8 { (end, start) } else { (start, end) };
    let [low, high, byte] = [low, high, byte].map(|bound| fold(bound, case) as i8);
    (low..=high).contains(&byte)
}

#[inline]
fn equal(left: u8, right: u8, case: Case) -> bool {
    fold(left, case) == fold(right, case)
}

#[inline]
fn fold(byte: u8, case: Case) -> u8 {
    match case {
        Case::Sensitive => byte,
        Case::Insensitive => byte.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, expected: bool) {
        assert_eq!(
            matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive),
            expected,
            "{pattern} {text}"
        );
    }

    #[test]
    fn literals_and_wildcards() {
        check("", "", true);
        check("", "a", false);
        check("*", "", false);
        check("**", "", false);
        check("*", "a", true);
        check("a*", "a", true);
        check("a***", "a", true);
        check("*a", "ba", true);
        check("a", "ab", false);
        check("ab", "a", false);
        check("h?llo", "hello", true);
        check("h?llo", "hllo", false);
        check("?", "", false);
        check("*a*b", "xxaxxbxxb", true);
        check("*a*b", "xxaxxbxxc", false);
        check("*ab", "aab", true);
        check("*aab*c", "aaabxc", true);
        check("h*llo", "hllo", true);
        check("*.c", "a.cc", false);
    }

    #[test]
    fn classes() {
        check("[abc]x", "bx", true);
        check("[abc]", "d", false);
        check("[^abc]", "d", true);
        check("[^abc]", "a", false);
        check("[a-c]", "b", true);
        check("[c-a]", "b", true);
        check("[a-c]", "d", false);
        check("[a-]", "a", true);
        check("[a-]", "-", false);
        check("[-a]", "-", true);
        check("[\\]]", "]", true);
        check("[\\a-c]", "b", false);
        check("[\\a-c]", "-", true);
        check("[]", "a", false);
        check("[^]", "a", true);
        check("[", "[", false);
        check("[^", "a", true);
        check("[ab", "b", true);
        check("*[0-9]", "key7", true);
        assert!(matches(b"[\x80-a]", b"\xff", Case::Sensitive));
        assert!(!matches(b"[a-\x80]", b"b", Case::Sensitive));
    }

    #[test]
    fn escapes() {
        check("\\*", "*", true);
        check("\\*", "a", false);
        check("\\", "\\", true);
        check("a\\?c", "a?c", true);
        check("a\\?c", "abc", false);
        check("a\\", "a\\", true);
    }

    #[test]
    fn case_can_be_ignored() {
        let check = |pattern: &str, text: &str, expected: bool| {
            let found = matches(pattern.as_bytes(), text.as_bytes(), Case::Insensitive);
            assert_eq!(found, expected, "{pattern} {text}");
        };
        check("MAX*", "maxmemory", true);
        check("[A-C]x", "bX", true);
        check("[abc]", "B", true);
        check("[\\b]", "B", false);
        check("a", "b", false);
    }

    /// Without a limit on backtracking this would take longer than the universe.
    #[test]
    fn abusive_patterns_are_quick() {
        let pattern = "*a".repeat(40) + "b";
        check(&pattern, &"a".repeat(4000), false);
        check(&"*?".repeat(2000), &"a".repeat(1999), false);
    }
}
