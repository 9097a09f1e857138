//! Layer 5: from a request to its reply. What a command is, how its keys are found, locked and settled.

pub mod acl;
mod admission;
pub mod args;
pub mod blocking;
pub mod client_line;
pub mod client_memory;
pub mod context;
mod databases;
pub mod dialogue;
pub mod durability;
pub mod effects;
pub mod errand;
pub mod error;
pub mod evict;
pub mod execute;
pub mod facts;
pub mod histogram;
pub mod keys;
pub mod keyspace;
pub mod lane;
mod lease;
pub mod limits;
pub mod loading;
mod mail;
pub mod monitor;
pub mod node;
pub mod pause;
pub mod peers;
pub mod pipeline;
pub mod plan;
pub mod rates;
pub mod release;
pub mod reload;
pub mod replicas;
pub mod saving;
pub mod scripting;
pub mod session;
pub mod settle;
pub mod slowlog;
pub mod spec;
pub mod stats;
pub mod table;
pub mod tracking;
pub mod transaction;
pub mod upkeep;
pub mod worker;

pub use args::Args;
pub use blocking::{BlockRequest, TimeoutReply};
pub use context::{
    Call, Context, Handling, heavy, keyed, keyed_alone, keyless, patterned, script, telling, walking, whole,
};
pub use effects::{Effects, Reach};
pub use error::{CommandError, CommandResult, text};
pub use keyspace::{Editor, Keyspace};
pub use node::Node;
pub use table::Row;
