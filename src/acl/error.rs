//! Why a rule is refused.

use std::fmt;

/// What is wrong with a rule; `Display` is Redis's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleError {
    /// It is no rule, or has characters that it must not have.
    Syntax,
    /// No command or category of that name.
    Unknown,
    /// A key pattern where all keys are allowed already.
    AllKeys,
    /// A channel pattern where all channels are allowed already.
    AllChannels,
    /// The password to be removed is not there.
    NoSuchPassword,
    /// Not a SHA-256 in lower case.
    BadHash,
    /// `+command|subcommand|argument`.
    ArgumentOfSubcommand,
    /// A user is declared twice.
    Duplicate,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "Syntax error",
            Self::Unknown => "Unknown command or category name in ACL",
            Self::AllKeys => {
                "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. \
                 Try 'resetkeys' to start with an empty list of patterns"
            }
            Self::AllChannels => {
                "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. \
                 Try 'resetchannels' to start with an empty list of channels"
            }
            Self::NoSuchPassword => "The password you are trying to remove from the user does not exist",
            Self::BadHash => {
                "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
            }
            Self::ArgumentOfSubcommand => "Allowing first-arg of a subcommand is not supported",
            Self::Duplicate => "Duplicate user found. A user can only be defined once in config files",
        })
    }
}

impl std::error::Error for RuleError {}
