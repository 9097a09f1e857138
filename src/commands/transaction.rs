//! Transactions: the rows; what they do is the engine's business (`engine::transaction`).

use crate::engine::{Handling, Row, keyed_alone, keyless, transaction};

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("MULTI", keyless(transaction::multi)),
    Row::new("EXEC", keyless(transaction::exec)),
    Row::new("DISCARD", keyless(transaction::discard)),
    Row::new("WATCH", keyed_alone(transaction::watch)),
    Row::new("UNWATCH", keyless(transaction::unwatch)),
];
