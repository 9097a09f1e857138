//! Layer 1: the settings. One row each in `table`; where their values come from and go to.
//!
//! - `table`: the rows, and `Id`, one variant a row.
//! - `setting`: what a row says, and how a value is read from text and written back.
//! - `special`: the settings whose values are neither number, text nor one of a list.
//! - `title`: the template of the process's title.
//! - `store`: `Config`, the values in force; CONFIG GET and CONFIG SET.
//! - `load`: values from the file, from flags, from the environment.
//! - `rewrite`: CONFIG REWRITE.
//!
//! Invariant: nothing here reads a setting to act on it. What a change means is up to the engine and the server.

mod load;
mod rewrite;
mod setting;
mod special;
mod store;
mod table;
pub mod title;

pub use load::{LoadError, Place, Sources, UserLine};
pub use rewrite::RewriteError;
pub use setting::{Kind, Setting, Unit, Value, parse_bytes};
pub use special::{ClientClass, OutputLimit, keyspace_events, save_points, shutdown_flags};
pub use store::{Changes, Config, Rename, SetError};
pub use table::{Id, SETTINGS};
