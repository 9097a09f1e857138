//! Layer 6: the command families. A file holds handlers and the rows that bind them to their names.

mod acl;
mod bitmap;
mod blocking_list;
mod client;
mod client_tracking;
mod cluster;
pub mod command_docs;
mod connection;
mod functions;
mod generic;
mod geo;
mod hash;
mod hyperloglog;
mod item;
mod list;
mod pubsub;
mod sample;
pub mod scan;
mod scripting;
pub mod server;
mod set;
mod set_algebra;
mod sort;
mod sorted_set;
mod stream;
mod string;
mod transaction;
mod weight;

use crate::engine::{Handling, Row};

/// Every family's rows.
pub static FAMILIES: &[&[Row<Handling>]] = &[
    acl::COMMANDS,
    bitmap::COMMANDS,
    blocking_list::COMMANDS,
    client::COMMANDS,
    client_tracking::COMMANDS,
    cluster::COMMANDS,
    connection::COMMANDS,
    functions::COMMANDS,
    generic::COMMANDS,
    geo::COMMANDS,
    hash::COMMANDS,
    hyperloglog::COMMANDS,
    list::COMMANDS,
    pubsub::COMMANDS,
    scripting::COMMANDS,
    server::COMMANDS,
    server::config::COMMANDS,
    server::debug::COMMANDS,
    server::flush::COMMANDS,
    server::info::COMMANDS,
    server::latency::COMMANDS,
    server::lolwut::COMMANDS,
    server::memory::COMMANDS,
    server::modules::COMMANDS,
    server::monitor::COMMANDS,
    server::persist::COMMANDS,
    server::replication::COMMANDS,
    server::slowlog::COMMANDS,
    set::COMMANDS,
    sort::COMMANDS,
    sorted_set::COMMANDS,
    stream::COMMANDS,
    string::COMMANDS,
    transaction::COMMANDS,
];
