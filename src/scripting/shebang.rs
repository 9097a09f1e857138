//! The first line of a script or library: `#!lua name=... flags=a,b`. Error texts are those of Redis 7.2.4, with their code.

use crate::resp::split_arguments;

/// What a script or function says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// It does not write.
    pub const NO_WRITES: Self = Self(1);
    /// It may run although memory is short.
    pub const ALLOW_OOM: Self = Self(1 << 1);
    /// It may run on a replica with stale data.
    pub const ALLOW_STALE: Self = Self(1 << 2);
    /// It may not run in a cluster.
    pub const NO_CLUSTER: Self = Self(1 << 3);
    /// Its keys may be in different slots.
    pub const ALLOW_CROSS_SLOT_KEYS: Self = Self(1 << 4);

    const NAMES: [(&'static str, Self); 5] = [
        ("no-writes", Self::NO_WRITES),
        ("allow-oom", Self::ALLOW_OOM),
        ("allow-stale", Self::ALLOW_STALE),
        ("no-cluster", Self::NO_CLUSTER),
        ("allow-cross-slot-keys", Self::ALLOW_CROSS_SLOT_KEYS),
    ];

    /// Whether all of `flags` are set.
    pub fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// The names of those that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(_, flag)| self.contains(*flag)).map(|(name, _)| name)
    }

    /// The flag of this name, if there is one.
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        Self::NAMES.into_iter().find(|(known, _)| known.as_bytes() == name).map(|(_, flag)| flag)
    }

    /// With the bits of `other`.
    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The first line of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScriptHeader {
    /// None if the script has no such line and so runs by the rules of old.
    pub flags: Option<Flags>,
    /// Where the code begins: with the end of the line, so that lines keep their numbers.
    pub code: usize,
}

/// The first line of a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryHeader {
    /// The library's name: letters, digits and underscores.
    pub name: String,
    /// Where the code begins: with the end of the line.
    pub code: usize,
}

/// Reads the first line of an EVAL script.
pub fn script_header(source: &[u8]) -> Result<ScriptHeader, Vec<u8>> {
    if !source.starts_with(b"#!") {
        return Ok(ScriptHeader { flags: None, code: 0 });
    }
    let code = line_end(source).ok_or("ERR Invalid script shebang")?;
    let parts = split_arguments(&source[..code]).unwrap_or_default();
    let (engine, options) = parts.split_first().ok_or("ERR Invalid engine in script shebang")?;
    if engine != b"#!lua" {
        return Err(quoting("ERR Unexpected engine in script shebang: ", engine));
    }
    let mut flags = Flags::default();
    for option in options {
        let names = option
            .strip_prefix(b"flags=")
            .ok_or_else(|| quoting("ERR Unknown lua shebang option: ", option))?;
        flags = flags.with(parse_flags(names)?);
    }
    Ok(ScriptHeader { flags: Some(flags), code })
}

/// Reads the first line of a library.
pub fn library_header(source: &[u8]) -> Result<LibraryHeader, Vec<u8>> {
    const INVALID: &str = "ERR Invalid library metadata";
    if !source.starts_with(b"#!") {
        return Err(b"ERR Missing library metadata".to_vec());
    }
    let code = line_end(source).ok_or(INVALID)?;
    let parts = split_arguments(&source[..code]).unwrap_or_default();
    let (engine, options) = parts.split_first().ok_or(INVALID)?;
    let mut name: Option<&[u8]> = None;
    for option in options {
        let (key, value) = option.split_at(option.len().min("name=".len()));
        if !key.eq_ignore_ascii_case(b"name=") {
            return Err(quoting("ERR Invalid metadata value given: ", option));
        }
        if name.replace(value).is_some() {
            return Err(b"ERR Invalid metadata value, name argument was given multiple times".to_vec());
        }
    }
    let name = parse_name(name.ok_or("ERR Library name was not given")?).ok_or(INVALID_NAME)?;
    let engine = &engine[2..];
    if !engine.eq_ignore_ascii_case(b"lua") {
        return Err([b"ERR Engine '".as_slice(), engine, b"' not found"].concat());
    }
    Ok(LibraryHeader { name, code })
}

/// What is wrong with the name of a library, or of a function.
pub(super) const INVALID_NAME: &str = "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";

/// The name of a library or function, if it may be one.
pub(super) fn parse_name(name: &[u8]) -> Option<String> {
    let is_name = !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    is_name.then(|| String::from_utf8_lossy(name).into_owned())
}

fn parse_flags(names: &[u8]) -> Result<Flags, Vec<u8>> {
    if names.is_empty() {
        return Ok(Flags::default());
    }
    names.split(|byte| *byte == b',').try_fold(Flags::default(), |flags, name| {
        let flag = Flags::named(name);
        flag.map(|flag| flags.with(flag))
            .ok_or_else(|| quoting("ERR Unexpected flag in script shebang: ", name))
    })
}

fn line_end(source: &[u8]) -> Option<usize> {
    memchr::memchr(b'\n', source)
}

fn quoting(text: &str, quoted: &[u8]) -> Vec<u8> {
    [text.as_bytes(), quoted].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_lines_of_scripts() {
        let check = |source: &str, expected: Result<Option<Flags>, &str>| {
            let found = script_header(source.as_bytes()).map(|header| header.flags);
            let expected = expected.map_err(|text| format!("ERR {text}").into_bytes());
            assert_eq!(found, expected, "{source:?}");
        };
        let both = Flags::NO_WRITES.with(Flags::ALLOW_OOM);
        check("return 1", Ok(None));
        check("#!lua\n", Ok(Some(Flags::default())));
        check("#!lua \n", Ok(Some(Flags::default())));
        check("#!lua flags=\n", Ok(Some(Flags::default())));
        check("#!lua flags=no-writes,allow-oom\n return 1", Ok(Some(both)));
        check("#!lua flags=no-writes flags=allow-oom\n", Ok(Some(both)));
        check("#!", Err("Invalid script shebang"));
        check("#!lua", Err("Invalid script shebang"));
        check("#!lua \"\n", Err("Invalid engine in script shebang"));
        check("#!lua flags=\"a\n", Err("Invalid engine in script shebang"));
        check("#!LUA\n", Err("Unexpected engine in script shebang: #!LUA"));
        check("#! lua\n", Err("Unexpected engine in script shebang: #!"));
        check("#!lua flags=x\n", Err("Unexpected flag in script shebang: x"));
        check("#!lua flags=no-writes,\n", Err("Unexpected flag in script shebang: "));
        check("#!lua flags=NO-WRITES\n", Err("Unexpected flag in script shebang: NO-WRITES"));
        check("#!lua name=x\n", Err("Unknown lua shebang option: name=x"));
        check("#!lua flags=no-writes foo\n", Err("Unknown lua shebang option: foo"));
    }

    #[test]
    fn first_lines_of_libraries() {
        let check = |source: &str, expected: Result<&str, &str>| {
            let found = library_header(source.as_bytes()).map(|header| header.name);
            let expected = expected.map(str::to_owned).map_err(|text| format!("ERR {text}").into_bytes());
            assert_eq!(found, expected, "{source:?}");
        };
        let bad_name = INVALID_NAME.strip_prefix("ERR ").unwrap();
        check("#!lua name=a\nx", Ok("a"));
        check("#!LUA NAME='a'\r\nx", Ok("a"));
        check("redis.x()", Err("Missing library metadata"));
        check("#!lua name=a", Err("Invalid library metadata"));
        check("#!lua name=\"a\n", Err("Invalid library metadata"));
        check("#!lua\n", Err("Library name was not given"));
        check("#!\n", Err("Library name was not given"));
        check("#!lua name\n", Err("Invalid metadata value given: name"));
        check("#! lua name=a\n", Err("Invalid metadata value given: lua"));
        check("#!lua name=a name=b\n", Err("Invalid metadata value, name argument was given multiple times"));
        check("#!lua name=\n", Err(bad_name));
        check("#!lua name=a-b\n", Err(bad_name));
        check("#!js name=a\n", Err("Engine 'js' not found"));
    }
}
