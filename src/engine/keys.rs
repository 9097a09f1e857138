//! From a command's arguments to the positions of its keys.
//!
//! 1. The key specifications come first. All of them must resolve, or none counts: a specification that is incomplete, that
//!    leaves the flags open, or whose arguments make no sense hands over to rule 2.
//! 2. The command's key function reads its syntax. It forgives more than the command itself will, as in Redis; only a
//!    number of keys beyond 32 bits, which Redis cuts off, finds none here.
//! 3. Whoever must not miss a key asks `keys_to_lock`. Rule 1 looks for keywords without knowing the syntax, so that in
//!    `XREADGROUP COUNT 1 GROUP STREAMS me STREAMS k >` it takes the group's name for the keyword. Redis reports and
//!    checks the wrong keys then; we report the same, and lock what the command will really reach.

use smallvec::SmallVec;

use super::spec::{BeginSearch, Facts, FindKeys, KeyFlags, KeyFunction, KeySpec, flag, key};
use crate::base::number::parse_i64;

/// The keys of one command.
pub type Keys = SmallVec<[KeyRef; 8]>;

/// One key among the arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRef {
    /// Its position; the command's name is at 0.
    pub position: usize,
    /// What lock it needs.
    pub access: Access,
    /// What happens to it; empty when only a key function found it.
    pub flags: KeyFlags,
}

/// Whether a key's stripe is locked for reading or for writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Shared with other readers.
    Read,
    /// Alone.
    Write,
}

/// The arguments do not let the keys be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeysError;

/// Puts the keys that Redis would report into `out`, in its order. The caller has checked the arity.
///
/// # Errors
/// When a command that needs keys comes with none that can be found.
pub fn keys<A: AsRef<[u8]>>(facts: &Facts, argv: &[A], out: &mut Keys) -> Result<(), KeysError> {
    out.clear();
    if let Some(only) = single_key(facts, argv.len()) {
        out.push(only);
        return Ok(());
    }
    if !by_specs(facts, argv, out) {
        out.clear();
        if let Some(function) = facts.key_function {
            by_function(facts, function, Quirks::Keep, argv, out);
        }
    }
    let needed = facts.has_keys() && !facts.flags.contains(flag::NO_MANDATORY_KEYS);
    if out.is_empty() && needed { Err(KeysError) } else { Ok(()) }
}

/// Like [`keys`], but never misses a key that the command would reach (rule 3).
///
/// # Errors
/// As [`keys`].
pub fn keys_to_lock<A: AsRef<[u8]>>(facts: &Facts, argv: &[A], out: &mut Keys) -> Result<(), KeysError> {
    match facts.key_function {
        Some(function) if is_misread(function) => {
            out.clear();
            by_function(facts, function, Quirks::Avoid, argv, out);
            if function == KeyFunction::Streams && waits(argv, out) {
                out.iter_mut().for_each(|key| key.access = Access::Write);
            }
            if out.is_empty() { Err(KeysError) } else { Ok(()) }
        }
        _ => keys(facts, argv, out).or_else(|error| {
            // PFMERGE without sources still has its destination.
            out.clear();
            facts.key_specs.iter().for_each(|spec| {
                by_spec(facts, spec, argv, out);
            });
            if out.is_empty() { Err(error) } else { Ok(()) }
        }),
    }
}

/// Whether [`keys`] found this for a command whose keys [`keys_to_lock`] may find elsewhere.
pub fn may_miss_some(facts: &Facts, found: Result<(), KeysError>) -> bool {
    found.is_err() || facts.key_function.is_some_and(is_misread)
}

fn is_misread(function: KeyFunction) -> bool {
    matches!(function, KeyFunction::Sort | KeyFunction::GeoRadius | KeyFunction::Streams)
}

/// Whether what Redis misreads is misread.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quirks {
    Keep,
    Avoid,
}

/// The key of a command that always has exactly one, at a fixed position: most commands.
#[inline]
fn single_key(facts: &Facts, count: usize) -> Option<KeyRef> {
    const UNUSUAL: u16 = key::NOT_KEY | key::INCOMPLETE | key::VARIABLE_FLAGS;
    match facts.key_specs {
        [
            KeySpec {
                begin: BeginSearch::Index(position), find: FindKeys::Range { last: 0, .. }, flags, ..
            },
        ] if *position < count && flags.0 & UNUSUAL == 0 => Some(key_at(facts, *position, flags.0)),
        _ => None,
    }
}

/// Rule 1: false when a specification does not resolve. An incomplete one does no harm while it finds no key.
fn by_specs<A: AsRef<[u8]>>(facts: &Facts, argv: &[A], out: &mut Keys) -> bool {
    if facts.key_specs.iter().any(|spec| spec.flags.contains(key::VARIABLE_FLAGS)) {
        return false;
    }
    facts.key_specs.iter().filter(|spec| !spec.flags.contains(key::NOT_KEY)).all(|spec| {
        let before = out.len();
        let resolved = by_spec(facts, spec, argv, out);
        resolved && (out.len() == before || !spec.flags.contains(key::INCOMPLETE))
    })
}

/// Adds the keys of one specification; none, without fault, when its keyword is missing.
fn by_spec<A: AsRef<[u8]>>(facts: &Facts, spec: &KeySpec, argv: &[A], out: &mut Keys) -> bool {
    let begin = match spec.begin {
        BeginSearch::Index(position) => position,
        BeginSearch::Keyword(keyword, start) => match after_keyword(keyword, start, argv) {
            Some(position) => position,
            None => return true,
        },
        BeginSearch::Unknown => return false,
    };
    let Some((first, last, step)) = extent(spec.find, begin, argv) else { return false };
    if first > last || last >= argv.len() {
        return false;
    }
    out.extend((first..=last).step_by(step).map(|position| key_at(facts, position, spec.flags.0)));
    true
}

/// The position after the keyword. The last argument is no keyword: nothing could follow.
fn after_keyword<A: AsRef<[u8]>>(keyword: &str, start: isize, argv: &[A]) -> Option<usize> {
    let is_keyword = |position: &usize| is(&argv[*position], keyword);
    let end = argv.len().checked_sub(1)?;
    let found = if start > 0 {
        (start.unsigned_abs()..end).find(is_keyword)
    } else {
        (2..=argv.len().checked_sub(start.unsigned_abs())?.min(end)).rev().find(is_keyword)
    };
    found.map(|position| position + 1)
}

/// First key, last key and step; not yet compared with the number of arguments.
fn extent<A: AsRef<[u8]>>(find: FindKeys, begin: usize, argv: &[A]) -> Option<(usize, usize, usize)> {
    match find {
        FindKeys::Range { last, step, limit } => {
            let end = match (last, limit) {
                (0.., _) => begin,
                (_, 0) => argv.len(),
                _ => begin + argv.len().checked_sub(begin)? / limit,
            };
            Some((begin, end.checked_add_signed(last)?, step))
        }
        FindKeys::KeyNum { count, first, step } => {
            let number = parse_i64(argv.get(begin + count)?.as_ref())?;
            let others = usize::try_from(number.checked_sub(1)?).ok()?;
            let first = begin + first;
            Some((first, first.checked_add(others.checked_mul(step)?)?, step))
        }
        FindKeys::Unknown => None,
    }
}

/// Rule 2.
fn by_function<A: AsRef<[u8]>>(
    facts: &Facts,
    function: KeyFunction,
    quirks: Quirks,
    argv: &[A],
    out: &mut Keys,
) {
    let mut push = |position: usize, flags: u16| {
        if position < argv.len() {
            out.push(key_at(facts, position, flags));
        }
    };
    match function {
        KeyFunction::Counted { destination, count, first } => {
            let counted = counted(count, first, argv);
            counted.clone().for_each(|position| push(position, 0));
            if let (false, Some(position)) = (counted.is_empty(), destination) {
                push(position, 0);
            }
        }
        KeyFunction::Bitfield if bitfield_only_reads(argv) => push(1, key::RO | key::ACCESS),
        KeyFunction::Bitfield => push(1, key::RW | key::ACCESS | key::UPDATE),
        KeyFunction::GeoRadius => {
            push(1, 0);
            geo_destination(argv).into_iter().for_each(|position| push(position, 0));
        }
        KeyFunction::Migrate => {
            migrated(argv).for_each(|position| push(position, key::RW | key::ACCESS | key::DELETE));
        }
        KeyFunction::Set if argv.iter().skip(3).any(|argument| is(argument, "get")) => {
            push(1, key::RW | key::ACCESS | key::UPDATE);
        }
        KeyFunction::Set => push(1, key::OW | key::UPDATE),
        KeyFunction::Sort => {
            push(1, key::RO | key::ACCESS);
            let destination = sort_destination(quirks, argv);
            destination.into_iter().for_each(|position| push(position, key::OW | key::UPDATE));
        }
        KeyFunction::SortReadOnly => push(1, key::RO | key::ACCESS),
        KeyFunction::Streams => streams(argv).for_each(|position| push(position, 0)),
    }
}

type Positions = std::ops::Range<usize>;

const NOWHERE: Positions = 0..0;

/// The counted keys; none when there are not as many arguments.
fn counted<A: AsRef<[u8]>>(count: usize, first: usize, argv: &[A]) -> Positions {
    let number = argv.get(count).map_or(0, |argument| leading_number(argument.as_ref()));
    if number <= argv.len().saturating_sub(first) { first..first + number } else { NOWHERE }
}

/// The number that the bytes begin with, whatever follows; 0 when there is none or it is negative.
fn leading_number(bytes: &[u8]) -> usize {
    let digits = bytes.trim_ascii_start();
    let digits = digits.strip_prefix(b"+").unwrap_or(digits);
    digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |number: usize, byte| number.saturating_mul(10).saturating_add(usize::from(byte - b'0')))
}

/// Whether all operations are GET; what is no operation counts as a write.
fn bitfield_only_reads<A: AsRef<[u8]>>(argv: &[A]) -> bool {
    let mut position = 2;
    while position < argv.len() {
        let following = argv.len() - position - 1;
        position += match &argv[position] {
            word if is(word, "get") && following >= 2 => 3,
            word if is(word, "overflow") && following >= 1 => 2,
            _ => return false,
        };
    }
    true
}

/// The key of the last STORE or STOREDIST.
fn geo_destination<A: AsRef<[u8]>>(argv: &[A]) -> Option<usize> {
    let mut destination = None;
    let mut position = 5;
    while position + 1 < argv.len() {
        if is(&argv[position], "store") || is(&argv[position], "storedist") {
            position += 1;
            destination = Some(position);
        }
        position += 1;
    }
    destination
}

/// The keys after KEYS, or the single one; none when both are given.
fn migrated<A: AsRef<[u8]>>(argv: &[A]) -> Positions {
    let mut position = 6;
    while position < argv.len() {
        match &argv[position] {
            word if is(word, "keys") && argv[3].as_ref().is_empty() => return position + 1..argv.len(),
            word if is(word, "keys") => return NOWHERE,
            word if is(word, "auth") => position += 1,
            word if is(word, "auth2") => position += 2,
            _ => {}
        }
        position += 1;
    }
    3..4
}

/// The key of the last STORE. Redis reads that key as an option once more.
fn sort_destination<A: AsRef<[u8]>>(quirks: Quirks, argv: &[A]) -> Option<usize> {
    let mut destination = None;
    let mut position = 2;
    while position < argv.len() {
        position += match &argv[position] {
            word if is(word, "limit") => 3,
            word if is(word, "get") || is(word, "by") => 2,
            word if is(word, "store") && position + 1 < argv.len() => {
                destination = Some(position + 1);
                if quirks == Quirks::Keep { 1 } else { 2 }
            }
            _ => 1,
        };
    }
    destination
}

/// Whether SORT's BY or GET lead to keys that are not named.
pub(super) fn sorts_by_patterns<A: AsRef<[u8]>>(argv: &[A]) -> bool {
    let mut position = 2;
    while let Some(word) = argv.get(position) {
        position += match word {
            word if is(word, "limit") => 3,
            word if is(word, "store") => 2,
            word if is(word, "get") || is(word, "by") => {
                if argv.get(position + 1).is_some_and(|pattern| pattern.as_ref().contains(&b'*')) {
                    return true;
                }
                2
            }
            _ => 1,
        };
    }
    false
}

/// The first half of what follows STREAMS.
fn streams<A: AsRef<[u8]>>(argv: &[A]) -> Positions {
    let mut position = 1;
    while position < argv.len() {
        position += match &argv[position] {
            word if is(word, "block") || is(word, "count") => 2,
            word if is(word, "group") => 3,
            word if is(word, "noack") => 1,
            word if is(word, "streams") => {
                let (first, count) = (position + 1, argv.len() - position - 1);
                return if count % 2 == 0 { first..first + count / 2 } else { NOWHERE };
            }
            _ => return NOWHERE,
        };
    }
    NOWHERE
}

/// Whether BLOCK is among the options, so that the command may enter itself into the queues of its keys.
fn waits<A: AsRef<[u8]>>(argv: &[A], keys: &Keys) -> bool {
    let options = keys.first().and_then(|first| argv.get(1..first.position));
    options.is_some_and(|options| options.iter().any(|option| is(option, "block")))
}

fn is<A: AsRef<[u8]>>(argument: &A, word: &str) -> bool {
    argument.as_ref().eq_ignore_ascii_case(word.as_bytes())
}

fn key_at(facts: &Facts, position: usize, flags: u16) -> KeyRef {
    let flags = KeyFlags(flags);
    let reads = flags.contains(key::RO) || (flags.0 == 0 && facts.flags.contains(flag::READONLY));
    KeyRef { position, access: if reads { Access::Read } else { Access::Write }, flags }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::facts;

    type Finder<'a> = fn(&Facts, &[&'a str], &mut Keys) -> Result<(), KeysError>;

    fn facts_of(argv: &[&str]) -> &'static Facts {
        let name = argv[0].to_ascii_lowercase();
        let full = argv.get(1).map(|second| format!("{name}|{}", second.to_ascii_lowercase()));
        let is_called = |facts: &&Facts| Some(facts.name) == full.as_deref() || facts.name == name;
        facts::all().filter(is_called).max_by_key(|facts| facts.name.len()).unwrap()
    }

    /// Positions with the access (`r` or `w`) after each, `invalid` for an error.
    fn positions<'a>(find: Finder<'a>, request: &'a str) -> String {
        let argv: Vec<_> = request.split(' ').map(|word| if word == "''" { "" } else { word }).collect();
        let mut found = Keys::new();
        if find(facts_of(&argv), &argv, &mut found).is_err() {
            return "invalid".to_owned();
        }
        let access = |key: &KeyRef| if key.access == Access::Read { 'r' } else { 'w' };
        found.iter().map(|key| format!("{}{}", key.position, access(key))).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn positions_as_redis_reports_them() {
        let check = |request, expected| assert_eq!(positions(keys, request), expected, "{request}");
        check("GET k", "1r");
        check("PING", "");
        check("MGET a b c", "1r 2r 3r");
        check("MSET a 1 b 2", "1w 3w");
        check("MSET a 1 b", "1w 3w");
        check("RENAME a b", "1w 2w");
        check("SMOVE a b m", "1w 2w");
        check("BLPOP a b 0", "1w 2w");
        check("BITOP AND d a b", "2w 3r 4r");
        check("PFCOUNT a b", "1w 2w");
        check("OBJECT ENCODING k", "2r");
        check("MEMORY USAGE k", "2r");
        check("XGROUP CREATE s g $", "2w");
        check("SPUBLISH channel m", "");
        check("SUNIONSTORE d a b", "1w 2r 3r");
        check("SET k v", "1w");
        check("SET k v NX get", "1w");
        check("BITFIELD k", "1r");
        check("BITFIELD k GET u8 0 OVERFLOW WRAP", "1r");
        check("BITFIELD k GET u8 0 SET u8 0 1", "1w");
        check("BITFIELD k GET u8", "1w");
    }

    #[test]
    fn counted_keys() {
        let check = |request, expected| assert_eq!(positions(keys, request), expected, "{request}");
        check("ZUNION 2 a b", "2r 3r");
        check("ZUNION 2 a", "invalid");
        check("ZUNION 0 a", "invalid");
        check("ZUNION -1 a", "invalid");
        check("ZUNION 1x a", "2r");
        check("ZUNION 9223372036854775807 a", "invalid");
        check("ZUNION 99999999999999999999 a", "invalid");
        check("ZUNIONSTORE d 2 a b WEIGHTS 1 2", "1w 3r 4r");
        check("ZUNIONSTORE d 2x a b", "3w 4w 1w");
        check("ZUNIONSTORE d 3 a b", "invalid");
        check("EVAL script 0 x", "");
        check("EVAL script 2 a b c", "3w 4w");
        check("EVAL_RO script 1 a", "3r");
        check("EVAL script 3 a b", "");
        check("FCALL f 1 a", "3w");
        check("LMPOP 1 a LEFT", "2w");
        check("BZMPOP 0 2 a b MIN", "3w 4w");
        check("SINTERCARD 2 a b LIMIT 1", "2r 3r");
    }

    #[test]
    fn keywords() {
        let check = |request, expected| assert_eq!(positions(keys, request), expected, "{request}");
        check("XREAD STREAMS a b 0 0", "2r 3r");
        check("XREAD COUNT 2 BLOCK 0 STREAMS a 0", "6r");
        check("XREAD STREAMS a b 0", "2r");
        check("XREAD STREAMS STREAMS 0", "2r");
        check("XREAD COUNT 2 a 0", "invalid");
        check("XREADGROUP GROUP g c STREAMS s >", "5r");
        check("GEORADIUS k 0 0 1 m", "1r");
        check("GEORADIUS k 0 0 1 m STORE d", "1r 7w");
        check("GEORADIUS k 0 0 1 m STORE", "1r");
        check("GEORADIUSBYMEMBER k m 1 m STOREDIST d", "1r 6w");
        check("SORT k", "1r");
        check("SORT k BY store GET # STORE d", "1r 7w");
        check("SORT k STORE", "1r");
        check("SORT_RO k STORE d", "1r");
        check("MIGRATE h p k 0 9", "3w");
        check("MIGRATE h p k 0 9 KEYS a", "invalid");
        check("MIGRATE h p '' 0 9 COPY AUTH2 keys keys KEYS a b", "11w 12w");
        check("MIGRATE h p '' 0 9 COPY KEYS", "3w");
    }

    #[test]
    fn locks_follow_the_syntax_where_reports_do_not() {
        let check = |request, reported, locked| {
            assert_eq!(positions(keys, request), reported, "{request}");
            assert_eq!(positions(keys_to_lock, request), locked, "{request}");
        };
        check("XREADGROUP COUNT 1 GROUP STREAMS me STREAMS k >", "5r 6r", "7w");
        check("GEORADIUS k 0 0 1 m STORE a STORE b", "1r 7w", "1w 9w");
        check("SORT k STORE limit STORE d", "1r 3w", "1r 5w");
        check("SORT k STORE get STORE d", "1r 3w", "1r 5w");
        check("XREAD STREAMS a b 0 0", "2r 3r", "2r 3r");
        check("XREAD STREAMS a b 0", "2r", "invalid");
        check("XREAD BLOCK 0 STREAMS a b 0 0", "4r 5r", "4w 5w");
        check("SET k v", "1w", "1w");
        check("PING", "", "");
        check("PFMERGE d", "invalid", "1w");
        check("PFMERGE d a b", "1w 2r 3r", "1w 2r 3r");
    }

    #[test]
    fn sort_reaches_what_its_patterns_make() {
        let check = |request: &str, patterns| {
            let argv: Vec<_> = request.split(' ').collect();
            assert_eq!(sorts_by_patterns(&argv), patterns, "{request}");
        };
        check("SORT k", false);
        check("SORT k* BY nosort GET #", false);
        check("SORT k BY w_*", true);
        check("SORT k LIMIT BY w_* STORE d", false);
        check("SORT k STORE BY GET w_*->f", true);
        check("SORT k BY STORE GET # STORE *", false);
        check("SORT k ALPHA DESC GET", false);
    }

    #[test]
    fn no_arguments_make_it_panic() {
        let words = [
            "0",
            "2",
            "-1",
            "99999999999999999999",
            "",
            "k",
            "STORE",
            "KEYS",
            "STREAMS",
            "GET",
            "LIMIT",
            "AUTH2",
            "GROUP",
        ];
        let mut random = 7_u64;
        let mut found = Keys::new();
        for facts in facts::all() {
            for count in 0..200 {
                let argv: Vec<_> = (0..count % 13)
                    .map(|_| {
                        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        words[(random >> 33) as usize % words.len()]
                    })
                    .collect();
                for find in [keys as Finder<'_>, keys_to_lock] {
                    let _ = find(facts, &argv, &mut found);
                    assert!(found.iter().all(|key| key.position < argv.len()), "{} {argv:?}", facts.name);
                }
            }
        }
    }
}
