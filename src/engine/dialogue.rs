//! What the debugger of a script and its client say to each other (SCRIPT DEBUG SYNC).
//!
//! The script runs on a thread of the lane and waits there for orders, with all that it has locked: to others it is a script that
//! takes long. Its request is away meanwhile; its connection takes what else the client sends for orders, and sends what it is told.
//! That is what the script sees: it may not be in the log yet.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::session::ClientHandle;
use crate::resp::{Protocol, Reply};
use crate::scripting::{Heard, Talk};

/// How long the script waits for an order before it looks whether it must end.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// One debugging session.
pub struct Dialogue {
    handle: Arc<ClientHandle>,
    state: Mutex<State>,
    called: Condvar,
}

#[derive(Default)]
struct State {
    orders: VecDeque<Vec<Vec<u8>>>,
    said: Vec<u8>,
    is_over: bool,
}

impl Dialogue {
    /// With this client.
    pub fn new(handle: Arc<ClientHandle>) -> Self {
        Self { handle, state: Mutex::default(), called: Condvar::new() }
    }

    /// The client has sent an order.
    pub fn order(&self, words: Vec<Vec<u8>>) {
        self.state.lock().orders.push_back(words);
        self.called.notify_one();
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
            Some(order) => Heard::Order(order),
            None if state.is_over => Heard::Over,
            None => Heard::Nothing,
        }
    }
}
