//! What the debugger of a script and its client say to each other (SCRIPT DEBUG SYNC).
//!
//! The script runs on a thread of the lane and waits there for orders, with all that it has locked: to others it is a script that
//! takes long. Its request is away meanwhile; its connection takes what else the client sends for orders, and sends what it is told.
//! That is what the script sees: it may not be in the log yet.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::session::ClientHandle;
use crate::resp::{Protocol, Reply};
use crate::scripting::{Heard, Talk};

/// Bytes of orders that wait at most: a client that sends more is closed.
const ORDERS_BYTES_MAX: usize = 1 << 20;
/// How long the script waits for an order before it looks whether it must end.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// One debugging session.
pub struct Dialogue {
    handle: Arc<ClientHandle>,
    /// Whether the client's request that is away is the script: what else it sends are orders.
    has_begun: AtomicBool,
    state: Mutex<State>,
    called: Condvar,
}

#[derive(Default)]
struct State {
    orders: VecDeque<Vec<Vec<u8>>>,
    order_bytes: usize,
    said: Vec<u8>,
    is_over: bool,
}

impl Dialogue {
    /// With this client.
    pub fn new(handle: Arc<ClientHandle>) -> Self {
        Self { handle, has_begun: AtomicBool::new(false), state: Mutex::default(), called: Condvar::new() }
    }

    /// The script is on its way.
    pub fn begin(&self) {
        self.has_begun.store(true, Ordering::Release);
    }

    /// Whether it is, or runs.
    pub fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Acquire)
    }

    /// The client has sent an order. False if too many wait.
    pub fn order(&self, words: Vec<Vec<u8>>) -> bool {
        let mut state = self.state.lock();
        state.order_bytes += bytes_of(&words);
        state.orders.push_back(words);
        self.called.notify_one();
        state.order_bytes <= ORDERS_BYTES_MAX
    }

    /// What is to be sent to the client.
    pub fn take_said(&self) -> Vec<u8> {
        std::mem::take(&mut self.state.lock().said)
    }

    /// The client has gone.
    pub fn end(&self) {
        self.state.lock().is_over = true;
        self.called.notify_one();
    }
}

impl Talk for Arc<Dialogue> {
    fn say(&mut self, lines: &[Vec<u8>]) {
        let mut reply = Reply::new(Protocol::Resp2);
        reply.array(lines.len());
        for line in lines {
            let line: Vec<u8> =
                line.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }).collect();
            reply.raw(&[b"+", line.as_slice(), b"\r\n"].concat());
        }
        let said = reply.output().take();
        let mut state = self.state.lock();
        said.iter().for_each(|segment| state.said.extend_from_slice(segment.bytes()));
        drop(state);
        self.handle.signal.raise();
    }

    fn hear(&mut self) -> Heard {
        let mut state = self.state.lock();
        if state.orders.is_empty() && !state.is_over {
            self.called.wait_for(&mut state, WAIT_MAX);
        }
        match state.orders.pop_front() {
            Some(order) => {
                state.order_bytes -= bytes_of(&order);
                Heard::Order(order)
            }
            None if state.is_over => Heard::Over,
            None => Heard::Nothing,
        }
    }
}

fn bytes_of(words: &[Vec<u8>]) -> usize {
    words.iter().map(|word| word.len() + size_of::<Vec<u8>>()).sum()
}
