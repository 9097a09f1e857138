//! A user: passwords and selectors.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use super::error::RuleError;
use super::selector::{Selector, Terms};
use crate::base::quoting::split_words;

/// The user that every connection begins as.
pub const DEFAULT: &[u8] = b"default";

/// The serial of the next user. That of the default user is 0, always.
static SERIALS: AtomicU64 = AtomicU64::new(1);

/// A SHA-256 in lower-case hexadecimal digits.
type Hash = [u8; 64];

/// Who a user is, whatever its rules. One that is deleted and made again is another.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The name.
    pub name: Arc<[u8]>,
    /// Unique among all that there have been.
    pub serial: u64,
}

/// A user.
#[derive(Clone, Debug)]
pub struct User {
    /// Who it is.
    pub identity: Identity,
    /// Whether one may log in as it.
    pub is_on: bool,
    /// Whether any password will do.
    pub needs_no_password: bool,
    skips_sanitizing: bool,
    passwords: Vec<Hash>,
    /// The first is the root: the rules outside of parentheses.
    selectors: Vec<Selector>,
}

impl User {
    /// A user that may do nothing yet.
    pub fn new(name: &[u8], terms: Terms<'_>) -> Self {
        let serial = if name == DEFAULT { 0 } else { SERIALS.fetch_add(1, Ordering::Relaxed) };
        Self {
            identity: Identity { name: name.into(), serial },
            is_on: false,
            needs_no_password: false,
            skips_sanitizing: false,
            passwords: Vec::new(),
            selectors: vec![Selector::new(terms)],
        }
    }

    /// The default user as it is unless somebody says otherwise: it may do anything, without a password.
    pub fn unrestricted_default(terms: Terms<'_>) -> Self {
        let mut user = Self::new(DEFAULT, terms);
        for rule in ["+@all", "~*", "&*", "on", "nopass"] {
            let applied = user.apply(rule.as_bytes(), terms);
            debug_assert_eq!(applied, Ok(()), "{rule}");
        }
        user
    }

    /// The name.
    pub fn name(&self) -> &[u8] {
        &self.identity.name
    }

    /// Its selectors, the root first.
    pub fn selectors(&self) -> &[Selector] {
        &self.selectors
    }

    /// The rules outside of parentheses.
    pub fn root(&self) -> &Selector {
        &self.selectors[0]
    }

    /// Applies one rule.
    ///
    /// # Errors
    /// When it is none, or contradicts what is there; then nothing has changed.
    pub fn apply(&mut self, rule: &[u8], terms: Terms<'_>) -> Result<(), RuleError> {
        match rule.to_ascii_lowercase().as_slice() {
            b"" => {}
            b"on" => self.is_on = true,
            b"off" => self.is_on = false,
            b"skip-sanitize-payload" => self.skips_sanitizing = true,
            b"sanitize-payload" => self.skips_sanitizing = false,
            b"nopass" => self.set_no_passwords(true),
            b"resetpass" => self.set_no_passwords(false),
            b"clearselectors" => self.selectors.truncate(1),
            b"reset" => *self = Self { identity: self.identity.clone(), ..Self::new(DEFAULT, terms) },
            _ => return self.apply_specific(rule, terms),
        }
        Ok(())
    }

    fn apply_specific(&mut self, rule: &[u8], terms: Terms<'_>) -> Result<(), RuleError> {
        match rule {
            [b'>', password @ ..] => self.add_password(hash_of(password)),
            [b'#', hash @ ..] => self.add_password(parse_hash(hash)?),
            [b'<', password @ ..] => return self.remove_password(hash_of(password)),
            [b'!', hash @ ..] => return self.remove_password(parse_hash(hash)?),
            [b'(', rules @ .., b')'] => self.selectors.push(parse_selector(rules, terms)?),
            _ => return self.selectors[0].apply(rule, terms.catalog),
        }
        Ok(())
    }

    /// Makes this the only password, or none needed (`requirepass`).
    pub fn set_password(&mut self, password: &[u8]) {
        self.set_no_passwords(password.is_empty());
        if !password.is_empty() {
            self.add_password(hash_of(password));
        }
    }

    /// Whether one may log in so.
    pub fn accepts(&self, password: &[u8]) -> bool {
        if !self.is_on || self.needs_no_password {
            return self.is_on;
        }
        let given = hash_of(password);
        // Every byte is looked at, so that the time it takes tells nothing.
        let differs =
            |known: &Hash| known.iter().zip(&given).fold(0, |sum, (left, right)| sum | (left ^ right)) != 0;
        self.passwords.iter().any(|known| !differs(known))
    }

    fn set_no_passwords(&mut self, needs_none: bool) {
        self.needs_no_password = needs_none;
        self.passwords.clear();
    }

    fn add_password(&mut self, hash: Hash) {
        if !self.passwords.contains(&hash) {
            self.passwords.push(hash);
        }
        self.needs_no_password = false;
    }

    fn remove_password(&mut self, hash: Hash) -> Result<(), RuleError> {
        let place = self.passwords.iter().position(|known| *known == hash);
        self.passwords.remove(place.ok_or(RuleError::NoSuchPassword)?);
        Ok(())
    }

    /// The words for what it is, besides passwords and permissions.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> {
        let switch = if self.is_on { "on" } else { "off" };
        let sanitizing = if self.skips_sanitizing { "skip-sanitize-payload" } else { "sanitize-payload" };
        [Some(switch), self.needs_no_password.then_some("nopass"), Some(sanitizing)].into_iter().flatten()
    }

    /// The hashes of its passwords.
    pub fn passwords(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.passwords.iter().map(Hash::as_slice)
    }

    /// The rules that make this user of a new one, as ACL LIST and ACL files have them.
    pub fn describe(&self) -> Vec<u8> {
        let mut parts: Vec<Vec<u8>> = self.flags().map(|flag| flag.as_bytes().to_vec()).collect();
        parts.extend(self.passwords().map(|hash| [b"#", hash].concat()));
        parts.push(self.root().describe());
        parts.extend(self.selectors[1..].iter().map(|selector| [b"(", &*selector.describe(), b")"].concat()));
        parts.join(&b' ')
    }
}

fn parse_selector(rules: &[u8], terms: Terms<'_>) -> Result<Selector, RuleError> {
    let mut selector = Selector::new(terms);
    let words = split_words(rules).ok_or(RuleError::Syntax)?;
    words.iter().try_for_each(|rule| selector.apply(rule, terms.catalog))?;
    Ok(selector)
}

fn hash_of(password: &[u8]) -> Hash {
    let mut hash = [0; 64];
    for (digits, byte) in hash.as_chunks_mut::<2>().0.iter_mut().zip(Sha256::digest(password)) {
        let digit = |value: u8| b"0123456789abcdef"[usize::from(value)];
        *digits = [digit(byte >> 4), digit(byte & 15)];
    }
    hash
}

fn parse_hash(text: &[u8]) -> Result<Hash, RuleError> {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.try_into().ok().filter(|hash: &Hash| hash.iter().all(is_digit)).ok_or(RuleError::BadHash)
}
