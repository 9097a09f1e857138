//! Layer 1: users and what they may do. Rules are read, kept and described as Redis 7.2 does; permissions are plain yes or no.
//!
//! - `category`: the categories of commands.
//! - `catalog`: the commands that rules speak of, which the engine tells.
//! - `selector`: one set of permissions, and the rules that change it.
//! - `check`: whether a selector allows a call.
//! - `user`: a user with passwords and selectors.
//! - `file`: the text of ACL files and of `user` lines.
//!
//! Invariant: nothing here knows clients, keys' locks or files on a disk. Who keeps users and asks them is `engine::acl`.

mod catalog;
pub mod category;
mod check;
mod error;
mod file;
mod selector;
#[cfg(test)]
mod tests;
mod user;

pub use catalog::{Catalog, CommandId};
pub use category::Categories;
pub use check::{Access, Call, Channels, Denial, NeededKey};
pub use error::RuleError;
pub use file::{
    Users, check_declaration, describe_all, has_spaces, load_declared, load_file, merge_selectors,
};
pub use selector::{Selector, Terms};
pub use user::{DEFAULT, Identity, User};
