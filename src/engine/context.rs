//! What a handler gets.

use super::args::Args;
use super::blocking::{Attempt, BlockRequest};
use super::errand::Place;
use super::error::CommandResult;
use super::keyspace::Keyspace;
use super::node::Node;
use super::session::Session;
use super::spec::{Facts, Flags};
use super::worker::Worker;
use crate::resp::Reply;
use crate::store::Mode;

/// Everything that a command may touch. `'a` is the life of its arguments and of its locks.
pub struct Context<'c, 'a> {
    /// The keys that the command has locked.
    pub keys: &'c mut Keyspace<'a>,
    /// Where its reply goes.
    pub reply: &'c mut Reply,
    /// The client's state.
    pub session: &'c mut Session,
    /// The server's services.
    pub node: &'c Node,
    /// The worker that it runs on.
    pub worker: &'c Worker,
    /// How it is run.
    pub call: Call<'c>,
    /// What it wants to wait for: see [`Context::block`].
    pub(super) request: Option<BlockRequest<'a>>,
}

/// How a command is run.
#[derive(Clone, Copy)]
pub enum Call<'c> {
    /// By its client; may block.
    Direct,
    /// Within EXEC; must not block.
    Transaction,
    /// For a client that waits; the call must claim the client before it takes anything for it.
    Waiting(&'c Attempt<'c>),
}

impl Call<'_> {
    /// See [`Context::claim`].
    pub fn claim(self) -> bool {
        match self {
            Self::Waiting(attempt) => attempt.claim(),
            _ => true,
        }
    }
}

/// What runs a command.
pub type Handler = for<'a> fn(&mut Context<'_, 'a>, Args<'a>) -> CommandResult;

/// A handler, and what is to be locked before it runs.
#[derive(Clone, Copy)]
pub struct Handling {
    /// The handler.
    pub run: Handler,
    /// The locks.
    pub locking: Locking,
    /// Of a script: where it is to be run, if not by this worker.
    pub elsewhere: Elsewhere,
    /// How many elements a call is about to go through, if that may be many: then it is run by the lane.
    pub weigh: Option<Weigh>,
    /// The command's flags, or what a script says of itself instead.
    pub flags_of: FlagsOf,
}

/// See [`Handling::weigh`]; called under the command's locks.
pub type Weigh = fn(&Keyspace<'_>, &[&[u8]]) -> usize;

/// See [`Handling::flags_of`].
pub type FlagsOf = fn(&Node, &Facts, &[&[u8]]) -> Flags;

/// Where a call is to be run, if not by this worker.
pub type Elsewhere = fn(&Worker, &[&[u8]]) -> Option<Place>;

const fn handling(run: Handler, locking: Locking) -> Handling {
    Handling { run, locking, elsewhere: |_, _| None, weigh: None, flags_of: |_, facts, _| facts.flags }
}

/// What is locked before a handler runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locking {
    /// The stripes of the keys, in the modes that the key specifications tell.
    Keys,
    /// The stripes of the keys, for writing: the command registers something there.
    KeysAlone,
    /// Nothing: the command reaches no key, or locks what it wants by itself (EXEC).
    Nothing,
    /// Nothing: the command walks the stripes one by one. Within EXEC all are held.
    Walk,
    /// Every stripe.
    Everything(Mode),
    /// Nothing: what a script reaches is locked by itself.
    Script,
    /// The stripes of the keys. If SORT's patterns lead to others it owns the token as well, and reaches those itself
    /// ([`Keyspace::reach`]); within EXEC and scripts all are held.
    Patterns,
}

/// The usual handler: its keys are locked as their specifications tell.
pub const fn keyed(run: Handler) -> Handling {
    handling(run, Locking::Keys)
}

/// A handler that registers something in the stripes of its keys.
pub const fn keyed_alone(run: Handler) -> Handling {
    handling(run, Locking::KeysAlone)
}

/// A handler that reaches no keys.
pub const fn keyless(run: Handler) -> Handling {
    handling(run, Locking::Nothing)
}

/// A handler that walks the stripes one by one through [`Keyspace::with_stripe`].
pub const fn walking(run: Handler) -> Handling {
    handling(run, Locking::Walk)
}

/// A handler that needs every stripe.
pub const fn whole(run: Handler, mode: Mode) -> Handling {
    handling(run, Locking::Everything(mode))
}

/// A handler that may have much to do.
pub const fn heavy(handling: Handling, weigh: Weigh) -> Handling {
    Handling { weigh: Some(weigh), ..handling }
}

/// A handler of scripts, which may say themselves what they do.
pub const fn telling(handling: Handling, flags_of: FlagsOf) -> Handling {
    Handling { flags_of, ..handling }
}

/// A handler that runs scripts.
pub const fn script(run: Handler, elsewhere: Elsewhere) -> Handling {
    Handling { elsewhere, ..handling(run, Locking::Script) }
}

/// A handler of SORT's kind.
pub const fn patterned(run: Handler) -> Handling {
    handling(run, Locking::Patterns)
}

impl Context<'_, '_> {
    /// To be called when something has been found to take for the client and before it is taken: false if the client has
    /// stopped waiting in the meantime, and nothing must be taken.
    pub fn claim(&self) -> bool {
        self.call.claim()
    }
}
