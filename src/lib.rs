#![doc = include_str!("ARCHITECTURE.md")]

pub mod acl;
pub mod background;
pub mod base;
pub mod commands;
pub mod config;
pub mod engine;
pub mod journal;
pub mod metrics;
pub mod net;
pub mod persistence;
pub mod pubsub;
pub mod rdb;
pub mod replication;
pub mod resp;
pub mod scripting;
pub mod server;
pub mod store;
pub mod value;

#[global_allocator]
static ALLOCATOR: base::alloc::CountingAllocator = base::alloc::CountingAllocator;
