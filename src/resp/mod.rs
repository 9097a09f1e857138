//! Layer 1: the protocol. Bytes to requests, replies to bytes (RESP2 and RESP3).

mod command;
mod parser;
mod reply;

pub use command::encode_command;
pub use parser::{Limits, Parsed, Parser, ProtocolError, split_arguments};
pub use reply::{Mark, Output, Protocol, Reply, Segment};
