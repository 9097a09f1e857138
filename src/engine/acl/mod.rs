//! The users, and what sessions may do (design 2.8, 2.11).
//!
//! A session keeps its user as of one *generation*. Whoever may do anything pays one relaxed load for a request: it compares
//! the generation in force with the one that its pass is for. Everybody else is asked for command, keys and channels.
//!
//! A change of users binds every worker before it is acknowledged:
//! 1. It is made while every stripe is held, and raises the generation. Commands look at the generation again under their
//!    locks. So what runs before the change has been allowed by the old rules, and what runs after it by the new ones.
//! 2. Publishing and subscribing hold no stripe: they take their worker's *turn*, a lock that nobody waits for while holding
//!    anything but the stripes of one's own. A change takes all turns, under the stripes. So a turn is the last lock there is.
//! 3. What has neither keys nor channels looks once more right before it runs.
//! 4. Clients whose user is gone, or no longer allows what they listen to, are off the channels and told to close before
//!    the turns go. A session whose user is gone runs nothing any more.
//! 5. Logging in looks the user up and tells the client list who it is under one lock, so no session escapes rule 4.

mod check;
mod file;
mod log;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard, RwLock};

pub use self::check::{Origin, allows_all_keys, check, judge, may_run, recheck, recheck_call};
pub use self::file::{check_declarations, config_lines, load_at_start, load_file, save_file};
pub use self::log::{AclLog, Entry, Reason};
use super::context::{Context, Handling};
use super::errand::Place;
use super::facts;
use super::node::Node;
use super::session::{ClientHandle, Session};
use super::spec::{Facts, Group};
use super::table::CommandTable;
use crate::acl::{Catalog, CommandId, DEFAULT, Identity, Terms, User, Users};
use crate::config::{Config, Id};
use crate::store::Mode;

/// The users and their log.
pub struct Acl {
    /// The commands that rules speak of: all of Redis's, whether or not this server has them.
    pub catalog: Catalog,
    /// Who was refused what.
    pub log: AclLog,
    /// The place in the catalog of each command of the table.
    ids: Box<[CommandId]>,
    generation: Generation,
    users: RwLock<Users>,
    /// One change at a time.
    writer: Mutex<()>,
    /// One writer of the ACL file at a time.
    saving: Mutex<()>,
    /// Whether one need not log in: the default user is on and needs no password.
    is_open: AtomicBool,
    has_no_password: AtomicBool,
    /// One for each worker.
    turns: Box<[Turn]>,
}

/// Of the users in force; from 1. In cache lines of its own, as every request reads it.
#[repr(align(128))]
struct Generation(AtomicU64);

/// See rule 2. In cache lines of its own, as its worker takes it for every message.
#[derive(Default)]
#[repr(align(128))]
struct Turn(Mutex<()>);

/// Who a session is, as of one generation.
#[derive(Clone, Default)]
pub struct Login {
    /// None: the default user, not looked at yet.
    user: Option<Arc<User>>,
    generation: u64,
    /// The generation, if the user may do anything.
    pass: u64,
}

impl Login {
    fn of(user: Arc<User>, generation: u64) -> Self {
        let pass = if user.is_unrestricted() { generation } else { 0 };
        Self { user: Some(user), generation, pass }
    }

    /// The user's name.
    pub fn name(&self) -> &[u8] {
        self.user.as_ref().map_or(DEFAULT, |user| user.name())
    }

    fn serial(&self) -> u64 {
        self.user.as_ref().map_or(0, |user| user.identity.serial)
    }
}

/// The commands that rules speak of.
pub fn catalog() -> Catalog {
    Catalog::new(facts::all().map(|facts| (facts.name, facts.acl)))
}

/// What rules are read by.
pub fn terms<'c>(catalog: &'c Catalog, config: &Config) -> Terms<'c> {
    const ALL_CHANNELS: i64 = 0;
    Terms { catalog, opens_channels: config.get(Id::AclPubSubDefault) == ALL_CHANNELS }
}

impl Acl {
    /// The default user alone, with the password that the settings tell.
    pub fn new(table: &CommandTable<Handling>, config: &Config, workers: usize) -> Self {
        let catalog = catalog();
        let place_of = |facts: &Facts| catalog.find(facts.name.as_bytes()).unwrap_or_default();
        let ids = table.all().iter().map(|command| place_of(command.facts)).collect();
        let mut user = User::unrestricted_default(terms(&catalog, config));
        user.set_password(&config.text(Id::RequirePass));
        let acl = Self {
            ids,
            catalog,
            log: AclLog::default(),
            generation: Generation(AtomicU64::new(0)),
            users: RwLock::default(),
            writer: Mutex::default(),
            saving: Mutex::default(),
            is_open: AtomicBool::new(false),
            has_no_password: AtomicBool::new(false),
            turns: (0..workers).map(|_| Turn::default()).collect(),
        };
        acl.put(Users::from([(DEFAULT.into(), Arc::new(user))]));
        acl
    }

    /// Of the users in force.
    #[inline]
    pub fn generation(&self) -> u64 {
        self.generation.0.load(Ordering::Relaxed)
    }

    /// Whether one need not log in.
    pub fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Relaxed)
    }

    /// Whether the default user takes any password: what protected mode and AUTH with one argument go by.
    pub fn has_no_password(&self) -> bool {
        self.has_no_password.load(Ordering::Relaxed)
    }

    /// The user of that name.
    pub fn user(&self, name: &[u8]) -> Option<Arc<User>> {
        self.users.read().get(name).cloned()
    }

    /// All users by name.
    pub fn users(&self) -> Users {
        self.users.read().clone()
    }

    /// Makes the session that of `name`; false if there is no such user, or its password is another (rule 5).
    pub fn log_in(&self, session: &mut Session, name: &[u8], password: &[u8]) -> bool {
        let Some(user) = self.user(name).filter(|user| user.accepts(password)) else { return false };
        let users = self.users.read();
        // Hashing takes its time; meanwhile the user may have become another.
        let Some(user) = users.get(name).filter(|now| now.identity.serial == user.identity.serial) else {
            return false;
        };
        session.handle.names.lock().user = Some(user.identity.clone());
        session.login = Login::of(user.clone(), self.generation());
        session.authenticated = true;
        true
    }

    /// Puts the session back to the default user.
    pub fn log_out(&self, session: &mut Session) {
        session.handle.names.lock().user = None;
        session.login = Login::default();
        session.authenticated = self.is_open();
    }

    /// Changes the password of the default user (`requirepass`). Nobody who has logged in is concerned.
    pub fn set_default_password(&self, password: &[u8]) {
        let _one_at_a_time = self.writer.lock();
        let mut users = self.users();
        if let Some(user) = users.get_mut(DEFAULT) {
            Arc::make_mut(user).set_password(password);
        }
        self.put(users);
    }

    /// Brings the session's user up to date; false if it is gone.
    fn refresh(&self, login: &mut Login) -> bool {
        let users = self.users.read();
        let found = users.get(login.name()).filter(|user| user.identity.serial == login.serial());
        let is_there = found.is_some();
        if let Some(user) = found {
            *login = Login::of(user.clone(), self.generation());
        }
        is_there
    }

    /// Waits for the worker's turn if the command publishes or subscribes (rule 2).
    pub(super) fn turn(&self, worker: usize, facts: &Facts) -> Option<MutexGuard<'_, ()>> {
        (facts.group == Group::PubSub).then(|| self.turns[worker].0.lock())
    }

    fn put(&self, users: Users) {
        let default = users.get(DEFAULT);
        let has_no_password = default.is_some_and(|user| user.needs_no_password);
        self.has_no_password.store(has_no_password, Ordering::Relaxed);
        self.is_open.store(has_no_password && default.is_some_and(|user| user.is_on), Ordering::Relaxed);
        let mut now = self.users.write();
        *now = users;
        self.generation.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Changes the users. The caller holds every stripe (rule 1), on behalf of `session`.
pub fn change<R>(node: &Node, session: &mut Session, change: impl FnOnce(&mut Users) -> R) -> R {
    let acl = &node.acl;
    let _turns: Vec<_> = acl.turns.iter().map(|turn| turn.0.lock()).collect();
    let _one_at_a_time = acl.writer.lock();
    let before = acl.users();
    let mut users = before.clone();
    let result = change(&mut users);
    acl.put(users.clone());
    for (name, old) in &before {
        match users.get(name).filter(|user| user.identity.serial == old.identity.serial) {
            None => close(node, session, &clients_of(node, &old.identity)),
            Some(new) if !new.keeps_channels_of(old) => {
                let listening = node
                    .pubsub
                    .listeners_where(|channel, is_pattern| !new.allows_channel(channel, is_pattern));
                let clients = clients_of(node, &new.identity);
                close(node, session, &clients.intersection(&listening).copied().collect());
            }
            Some(_) => {}
        }
    }
    result
}

/// Holds every stripe for a change, on behalf of a client's own request; false if that is to be run later.
pub fn lock_everything(ctx: &mut Context<'_, '_>) -> bool {
    match ctx.keys.store().locks().lock_all(Mode::Write, ctx.worker.patience()) {
        Ok(held) => *ctx.keys.held_mut() = held,
        Err(busy) => ctx.session.parking = Some(Place::Locks(busy)),
    }
    ctx.session.deferred |= ctx.node.is_closing();
    ctx.session.parking.is_none() && !ctx.session.deferred
}

/// The ids of clients that are this user's.
fn clients_of(node: &Node, identity: &Identity) -> HashSet<u64> {
    let is_of = |client: &ClientHandle| client.user_serial() == identity.serial;
    node.clients.iter().filter(|client| is_of(client)).map(|client| client.id).collect()
}

/// Closes clients, which are gone from CLIENT LIST at once, too; the own one when its reply has been sent (rule 4).
fn close(node: &Node, session: &mut Session, ids: &HashSet<u64>) {
    for id in ids {
        if *id == session.handle.id {
            session.close = true;
        } else if let Some((_, client)) = node.clients.remove(id) {
            client.kill();
        }
    }
    node.pubsub.remove(ids);
}
