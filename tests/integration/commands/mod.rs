//! Directed cases of single families: what the random comparison with redis-server does not reach.

mod acl;
mod client_eviction;
mod connection;
mod connection_buffers;
mod dump;
mod functions;
mod geo;
mod hash;
mod hyperloglog;
mod latency;
mod list;
mod lone;
mod memory;
mod migrate;
mod monitor;
mod pause;
mod pubsub;
mod script_debug;
mod server;
mod set;
mod sort;
mod sorted_set;
mod stream;
mod tracking;
