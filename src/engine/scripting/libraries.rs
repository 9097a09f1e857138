//! The function libraries of the server.
//!
//! All of them make one [`Catalog`], which never changes: a change puts another one in its place while every stripe is held
//! (design 2.11), so it is in an image or in the log behind its cut, and whoever holds a stripe sees the libraries stand still.
//! Threads keep the catalog that they have met until its stamp has gone by, so that calls share nothing that anybody writes.
//! Each library has a number of its own, which no other load will get: by this interpreters know what they have loaded.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;

use super::super::error::CommandError;
use super::super::node::Node;
use super::{Script, shape, with_interpreter};
use crate::scripting::reach::{self, Reach};
use crate::scripting::shebang::{self, Flags};
use crate::scripting::{Function, Interpreter};

/// What the code of a library may take to register its functions (as Redis's `LOAD_TIMEOUT_MS`).
pub const LOAD_TIME_MAX: Duration = Duration::from_millis(500);

/// The last number given to a library or a catalog: unique in the process, whose tests have several servers.
static NUMBERS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The catalog that this thread has met last.
    static MET: RefCell<KnownCatalog> = RefCell::default();
}

/// Where the catalog of this moment is.
#[derive(Default)]
pub(super) struct Libraries {
    stamp: AtomicU64,
    /// The last record of the journal that may have made the catalog.
    pub(super) record: AtomicU64,
    catalog: RwLock<Arc<Catalog>>,
}

/// All libraries at one moment.
#[derive(Clone, Default)]
pub struct Catalog {
    stamp: u64,
    libraries: BTreeMap<String, Arc<Library>>,
    /// By name in lower case, as calls take any: the library, and the place in it.
    functions: HashMap<String, (Arc<Library>, usize), ahash::RandomState>,
}

/// A catalog as one thread refers to it: threads do not count references together.
pub type KnownCatalog = Rc<Arc<Catalog>>;

/// A library.
pub struct Library {
    /// Its name.
    pub name: String,
    /// All of it.
    pub source: Box<[u8]>,
    /// Its functions, in the order in which it has registered them.
    pub functions: Vec<LibraryFunction>,
    number: u64,
}

/// A function of a library.
pub struct LibraryFunction {
    /// What the library says of it.
    pub function: Function,
    /// How it behaves.
    pub script: Script,
}

impl Libraries {
    pub(super) fn stamp(&self) -> u64 {
        self.stamp.load(Ordering::Acquire)
    }

    pub(super) fn catalog(&self) -> KnownCatalog {
        let stamp = self.stamp();
        MET.with_borrow_mut(|met| {
            if met.stamp != stamp {
                *met = Rc::new(self.catalog.read().clone());
            }
            met.clone()
        })
    }
}

impl Catalog {
    /// Unique to this catalog; 0 for the one without libraries that servers begin with.
    pub fn stamp(&self) -> u64 {
        self.stamp
    }

    /// The libraries by their names.
    pub fn libraries(&self) -> impl ExactSizeIterator<Item = &Arc<Library>> {
        self.libraries.values()
    }

    /// Number of functions.
    pub fn function_count(&self) -> usize {
        self.functions.len()
    }

    /// A function and its library.
    pub fn function(&self, name: &[u8]) -> Option<(&Library, &LibraryFunction)> {
        let (library, place) = self.functions.get(&*key_of(std::str::from_utf8(name).ok()?))?;
        Some((library, &library.functions[*place]))
    }

    /// Sources, for files.
    pub fn sources(&self) -> Vec<Vec<u8>> {
        self.libraries().map(|library| library.source.to_vec()).collect()
    }

    /// Bytes of memory outside of interpreters.
    pub fn bytes(&self) -> usize {
        let function = size_of::<LibraryFunction>() + size_of::<(String, Arc<Library>, usize)>();
        let of = |library: &Arc<Library>| {
            let functions = library.functions.iter().map(|known| 2 * known.function.name.len() + function);
            size_of::<Library>() + library.source.len() + functions.sum::<usize>()
        };
        self.libraries().map(of).sum()
    }

    pub(super) fn has(&self, number: u64) -> bool {
        self.libraries().any(|library| library.number == number)
    }

    /// Removes a library; false if there is none of this name.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        let Some(library) = std::str::from_utf8(name).ok().and_then(|name| self.libraries.remove(name))
        else {
            return false;
        };
        self.functions.retain(|_, (of, _)| of.number != library.number);
        true
    }

    /// Removes all libraries.
    pub fn clear(&mut self) {
        self.libraries.clear();
        self.functions.clear();
    }

    /// Adds a library, in the place of one of the same name if that is wanted.
    ///
    /// # Errors
    /// There is a library or a function of the same name.
    pub fn add(&mut self, library: &Arc<Library>, replaces: bool) -> Result<(), CommandError> {
        self.refuse_double(&library.name, replaces)?;
        self.remove(library.name.as_bytes());
        for LibraryFunction { function, .. } in &library.functions {
            if self.functions.contains_key(&*key_of(&function.name)) {
                return Err(CommandError::of(&[&"ERR Function ", &function.name, &" already exists"]));
            }
        }
        for (place, known) in library.functions.iter().enumerate() {
            // Of names that differ in case alone Redis, too, takes one.
            let key = key_of(&known.function.name).into_owned();
            self.functions.entry(key).or_insert_with(|| (library.clone(), place));
        }
        self.libraries.insert(library.name.clone(), library.clone());
        Ok(())
    }

    /// Adds the libraries of another catalog.
    ///
    /// # Errors
    /// As [`Catalog::add`], in the words of FUNCTION RESTORE.
    pub fn join(&mut self, other: &Catalog, replaces: bool) -> Result<(), CommandError> {
        if let Some(name) =
            other.libraries.keys().find(|name| !replaces && self.libraries.contains_key(*name))
        {
            return Err(CommandError::of(&[&"ERR Library ", name, &" already exists"]));
        }
        // All that are replaced go first: their functions may come back in other libraries.
        for name in other.libraries.keys() {
            self.remove(name.as_bytes());
        }
        other.libraries().try_for_each(|library| self.add(library, false))
    }

    fn refuse_double(&self, name: &str, replaces: bool) -> Result<(), CommandError> {
        if !replaces && self.libraries.contains_key(name) {
            return Err(CommandError::of(&[&"ERR Library '", &name, &"' already exists"]));
        }
        Ok(())
    }
}

impl Library {
    /// Loads it into an interpreter that does not have it yet.
    ///
    /// # Errors
    /// It does not load.
    pub fn ensure_loaded(&self, interpreter: &mut Interpreter) -> Result<(), Vec<u8>> {
        if interpreter.has_library(self.number) {
            return Ok(());
        }
        // It has loaded in time before, and does the same again.
        interpreter.load_library(self.number, &self.source, None).map(|_| ())
    }

    /// What interpreters know it by.
    pub fn number(&self) -> u64 {
        self.number
    }
}

/// Libraries that have been loaded in this thread's interpreter, which forgets them again unless they are kept.
pub struct Drafts<'n> {
    node: &'n Node,
    catalog: Catalog,
}

impl<'n> Drafts<'n> {
    /// None.
    pub fn new(node: &'n Node) -> Self {
        Self { node, catalog: Catalog::default() }
    }

    /// The libraries.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Loads a library, which is to join `others` and the drafts.
    ///
    /// # Errors
    /// What is wrong with it, or there is another one of its name.
    pub fn load(
        &mut self,
        source: &[u8],
        time_limit: Option<Duration>,
        others: &Catalog,
        replaces: bool,
    ) -> Result<Arc<Library>, CommandError> {
        let name = shebang::library_header(source).map_err(CommandError::new)?.name;
        others.refuse_double(&name, replaces)?;
        self.catalog.refuse_double(&name, false)?;
        let number = fresh_number();
        let load = |interpreter: &mut Interpreter| interpreter.load_library(number, source, time_limit);
        let functions = with_interpreter(self.node, load).map_err(CommandError::new)?;
        let of_library = reach::of_library(source, |name| shape(self.node, name));
        let is_bound = !reach::keeps_no_state(source);
        let known = |function: Function| {
            let script = Script::new(reach_of(of_library, function.flags), is_bound);
            LibraryFunction { function, script }
        };
        let functions = functions.into_iter().map(known).collect();
        let library = Arc::new(Library { name, source: source.into(), functions, number });
        let added = self.catalog.add(&library, false);
        if added.is_err() {
            forget(self.node, |known| known == number);
        }
        added.map(|()| library)
    }
}

impl Drop for Drafts<'_> {
    fn drop(&mut self) {
        let current = self.node.scripting.catalog();
        if self.catalog.libraries().any(|library| !current.has(library.number)) {
            forget(self.node, |number| self.catalog.has(number) && !current.has(number));
        }
    }
}

fn key_of(name: &str) -> Cow<'_, str> {
    let has_capitals = name.bytes().any(|byte| byte.is_ascii_uppercase());
    if has_capitals { name.to_ascii_lowercase().into() } else { name.into() }
}

/// A function that says that it does not write needs its keys for reading alone.
fn reach_of(library: Reach, flags: Flags) -> Reach {
    match library {
        Reach::Declared { .. } if flags.contains(Flags::NO_WRITES) => Reach::Declared { writes: false },
        reach => reach,
    }
}

fn forget(node: &Node, is_forgotten: impl Fn(u64) -> bool) {
    with_interpreter(node, |interpreter| interpreter.retain_libraries(|number| !is_forgotten(number)));
}

fn fresh_number() -> u64 {
    NUMBERS.fetch_add(1, Ordering::Relaxed) + 1
}

/// Changes the libraries. Every stripe must be held for writing, unless the data is being loaded.
///
/// # Errors
/// That of `edit`: nothing has changed then.
pub fn change(
    node: &Node,
    edit: impl FnOnce(&mut Catalog) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let libraries = &node.scripting.libraries;
    let mut catalog = Catalog::clone(&libraries.catalog.read());
    edit(&mut catalog)?;
    catalog.stamp = fresh_number();
    if node.journal.is_on() {
        // With every stripe held the next record is the one of this change, but for messages to replicas: when it is published
        // its number is told again.
        node.scripting.note_record(node.journal.sequence());
    }
    let stamp = catalog.stamp;
    *libraries.catalog.write() = Arc::new(catalog);
    libraries.stamp.store(stamp, Ordering::Release);
    Ok(())
}

/// Adds a library that a file holds.
///
/// # Errors
/// What is wrong with it.
pub fn add_loaded(node: &Node, source: &[u8], replaces: bool) -> Result<(), CommandError> {
    let mut drafts = Drafts::new(node);
    let library = drafts.load(source, None, &node.scripting.catalog(), replaces)?;
    change(node, |catalog| catalog.add(&library, replaces))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(name: &str, functions: &[&str]) -> Arc<Library> {
        let known = |name: &&str| LibraryFunction {
            function: Function { name: (*name).to_owned(), description: None, flags: Flags::default() },
            script: Script::new(Reach::Anything, false),
        };
        let functions = functions.iter().map(known).collect();
        Arc::new(Library {
            name: name.into(),
            source: name.as_bytes().into(),
            functions,
            number: fresh_number(),
        })
    }

    fn catalog(libraries: &[(&str, &[&str])]) -> Catalog {
        let mut catalog = Catalog::default();
        libraries.iter().for_each(|(name, functions)| catalog.add(&library(name, functions), false).unwrap());
        catalog
    }

    fn shown(catalog: &Catalog) -> String {
        let mut functions: Vec<_> =
            catalog.functions.iter().map(|(name, (of, _))| format!("{}.{name}", of.name)).collect();
        functions.sort();
        let names: Vec<_> = catalog.libraries().map(|library| library.name.as_str()).collect();
        format!("{} {}", names.join(","), functions.join(","))
    }

    #[test]
    fn names_are_unique() {
        let mut known = catalog(&[("b", &["g"]), ("a", &["f"])]);
        let mut check = |name: &str, functions: &[&str], replaces: bool, expected: &str| {
            let mut changed = known.clone();
            let found = changed.add(&library(name, functions), replaces);
            match found {
                Ok(()) => known = changed,
                Err(error) => {
                    assert_eq!(String::from_utf8_lossy(&error.0), expected);
                    return;
                }
            }
            assert_eq!(shown(&known), expected);
        };
        check("a", &["h"], false, "ERR Library 'a' already exists");
        check("a", &["g"], true, "ERR Function g already exists");
        check("c", &["f"], false, "ERR Function f already exists");
        check("a", &["h", "f"], true, "a,b a.f,a.h,b.g");
        check("a", &["G"], true, "ERR Function G already exists");
        check("a", &["I", "i"], true, "a,b a.i,b.g");
        assert_eq!(known.function(b"i").unwrap().1.function.name, "I");
        assert!(known.remove(b"a") && !known.remove(b"a") && !known.remove(b"\xff"));
        assert_eq!(shown(&known), "b b.g");
    }

    #[test]
    fn catalogs_join() {
        let check = |other: &[(&str, &[&str])], replaces: bool, expected: &str| {
            let mut joined = catalog(&[("a", &["f"]), ("b", &["g"])]);
            let result = joined.join(&catalog(other), replaces).map(|()| shown(&joined));
            let found = result.unwrap_or_else(|error| String::from_utf8_lossy(&error.0).into_owned());
            assert_eq!(found, expected);
        };
        check(&[("c", &["h"])], false, "a,b,c a.f,b.g,c.h");
        check(&[("a", &["h"])], false, "ERR Library a already exists");
        check(&[("a", &["h"])], true, "a,b a.h,b.g");
        check(&[("c", &["g"])], true, "ERR Function g already exists");
        // Functions may change places.
        check(&[("a", &["g"]), ("b", &["f"])], true, "a,b a.g,b.f");
    }

    #[test]
    fn a_function_without_writes_reads() {
        let writes = Reach::Declared { writes: true };
        assert_eq!(reach_of(writes, Flags::default()), writes);
        assert_eq!(reach_of(writes, Flags::NO_WRITES), Reach::Declared { writes: false });
        assert_eq!(reach_of(Reach::Anything, Flags::NO_WRITES), Reach::Anything);
    }
}
