//! Black-box tests: they start the server as its users do and speak to it over sockets.
//!
//! - `architecture`: the layers of `src/` import only lower ones.
//! - `check`: the tools that check files, against Redis's.
//! - `commands`: directed cases of single families.
//! - `concurrency`: invariants under 32 connections, and histories checked for linearizability.
//! - `journal`: the journal replayed gives the same data.
//! - `limits`: what a hostile, slow or very large client can and cannot do.
//! - `persistence`: snapshots and the log, by the commands and settings that make and load them.
//! - `replication`: the stream word by word, a redis-server as replica under load, WAIT, MIGRATE.
//! - `settings`: the table of settings against Redis's and README's; CONFIG.
//! - `slow_scripts`: scripts that take long or never end.
//! - `startup`: the ways in which a server is started, and what it does about them.
//! - `waiting`: clients that wait for the log.
//!
//! `TARTAN_BIN` names another server than the one of this build. `TARTAN_TEST_SCALE` multiplies the number of operations
//! (default 1, which suits every change; 10 makes the millions that a release wants).

#![allow(clippy::unwrap_used, reason = "a failed expectation of a test is a panic")]
#![allow(clippy::print_stdout, reason = "seeds and times belong into the log of a test")]
#![allow(clippy::disallowed_methods, reason = "tests outside the process measure its time")]

mod architecture;
mod check;
mod commands;
mod concurrency;
mod journal;
mod limits;
mod persistence;
mod replication;
mod settings;
mod slow_scripts;
mod startup;
mod support;
mod waiting;
