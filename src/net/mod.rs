//! Layer 6: sockets. Listeners hand connections to workers; a connection's task reads, runs batches and writes.

mod acceptor;
mod connection;
mod stream;
mod workers;

pub use acceptor::{Acceptor, Listener, bind_tcp, bind_unix};
pub use workers::Workers;
