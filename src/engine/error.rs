//! What a command can answer instead of a reply: Redis 7.2's error texts, each stated once.

use std::borrow::Cow;
use std::fmt;

/// A command's error, ready to be sent: code and text, without the leading `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandError(pub Cow<'static, [u8]>);

/// What a handler returns: its reply has been written, or this is to be sent in its place.
pub type CommandResult = Result<(), CommandError>;

impl CommandError {
    /// An error with a text made at run time.
    pub fn new(text: impl Into<Vec<u8>>) -> Self {
        Self(Cow::Owned(text.into()))
    }

    /// An error with a text of these parts, for those that echo what a client has sent: that may be any bytes.
    pub fn of(parts: &[&dyn AsRef<[u8]>]) -> Self {
        Self(Cow::Owned(parts.iter().flat_map(|part| part.as_ref()).copied().collect()))
    }

    /// The code that the text begins with (`ERR`, `WRONGTYPE`, ...), as errorstats counts it.
    pub fn code(&self) -> &str {
        let code = self.0.split(|&byte| byte == b' ').next().unwrap_or_default();
        std::str::from_utf8(code).unwrap_or("ERR")
    }

    /// The text behind `prefix`, or all of it if it does not begin so.
    pub fn without(&self, prefix: &str) -> &[u8] {
        self.0.strip_prefix(prefix.as_bytes()).unwrap_or(&self.0)
    }
}

impl From<&'static str> for CommandError {
    fn from(text: &'static str) -> Self {
        Self(Cow::Borrowed(text.as_bytes()))
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&String::from_utf8_lossy(&self.0))
    }
}

/// What a client has sent, as an error text shows it: up to `bytes_max` bytes and, as in C, up to a zero byte.
pub fn echoed(bytes: &[u8], bytes_max: usize) -> &[u8] {
    let shown = &bytes[..bytes.len().min(bytes_max)];
    shown.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// The texts that more than one command sends.
pub mod text {
    /// A key holds another type than the command wants.
    pub const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
    /// The arguments make no sense together.
    pub const SYNTAX: &str = "ERR syntax error";
    /// An argument is not a 64-bit integer.
    pub const NOT_INTEGER: &str = "ERR value is not an integer or out of range";
    /// An argument is not a floating point number.
    pub const NOT_FLOAT: &str = "ERR value is not a valid float";
    /// WAITAOF while there is no log.
    pub const NO_LOG: &str = "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";
    /// An argument must not be negative.
    pub const NOT_POSITIVE: &str = "ERR value is out of range, must be positive";
    /// No such key, where there must be one.
    pub const NO_SUCH_KEY: &str = "ERR no such key";
    /// An index is outside of a collection.
    pub const INDEX_RANGE: &str = "ERR index out of range";
    /// A sum leaves the 64-bit range.
    pub const OVERFLOW: &str = "ERR increment or decrement would overflow";
    /// A database number is outside of `databases`.
    pub const DB_RANGE: &str = "ERR DB index is out of range";
    /// A string would become longer than `proto-max-bulk-len`.
    pub const STRING_TOO_LONG: &str = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    /// The client has not logged in.
    pub const NO_AUTH: &str = "NOAUTH Authentication required.";
    /// Memory is at its limit and nothing can be evicted.
    pub const OUT_OF_MEMORY: &str = "OOM command not allowed when used memory > 'maxmemory'.";
    /// A script holds what is needed, and has done so for long.
    pub const BUSY: &str =
        "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
    /// Likewise a function.
    pub const BUSY_FUNCTION: &str =
        "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";
    /// The data is being loaded.
    pub const LOADING: &str = "LOADING Redis is loading the dataset in memory";
    /// A write while the last snapshot has failed.
    pub const SNAPSHOT_FAILED: &str = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist \
        to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors \
        during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details \
        about the RDB error.";
    /// A write while there are fewer replicas than `min-replicas-to-write`.
    pub const NO_REPLICAS: &str = "NOREPLICAS Not enough good replicas to write.";
    /// A command that was queued has failed its checks.
    pub const EXEC_ABORT: &str = "EXECABORT Transaction discarded because of previous errors.";
    /// A time-out argument is not a number.
    pub const TIMEOUT_NOT_FLOAT: &str = "ERR timeout is not a float or out of range";
    /// A time-out argument is not an integer.
    pub const TIMEOUT_NOT_INTEGER: &str = "ERR timeout is not an integer or out of range";
    /// A time-out argument is below zero.
    pub const TIMEOUT_NEGATIVE: &str = "ERR timeout is negative";
    /// A time-out argument is beyond what milliseconds can hold.
    pub const TIMEOUT_RANGE: &str = "ERR timeout is out of range";
    /// A SCAN cursor is not a number.
    pub const INVALID_CURSOR: &str = "ERR invalid cursor";
    /// min or max of a score range.
    pub const MIN_MAX_FLOAT: &str = "ERR min or max is not a float";
    /// min or max of a lexical range.
    pub const MIN_MAX_LEX: &str = "ERR min or max not valid string range item";
}
