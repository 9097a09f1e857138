//! Users as text: the lines of ACL files, and the `user` lines of a configuration file.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::RuleError;
use super::selector::Terms;
use super::user::{DEFAULT, User};

/// Users by name.
pub type Users = BTreeMap<Box<[u8]>, Arc<User>>;

/// A word of rules.
type Word = Vec<u8>;

/// Whether the bytes hold what separates rules from each other, or a zero byte.
pub fn has_spaces(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b'\t'..=b'\r' | b' ' | 0))
}

/// Puts selectors together that come in several words: from one that begins with `(` to one that ends with `)`.
///
/// # Errors
/// The place of the word whose parenthesis is never closed.
pub fn merge_selectors<W: AsRef<[u8]>>(words: &[W]) -> Result<Vec<Word>, usize> {
    let mut merged: Vec<Word> = Vec::new();
    let mut open = None;
    for (place, word) in words.iter().map(AsRef::as_ref).enumerate() {
        match (open, merged.last_mut()) {
            (Some(_), Some(selector)) => {
                selector.push(b' ');
                selector.extend_from_slice(word);
                open = open.filter(|_| !word.ends_with(b")"));
            }
            _ => {
                open = (word.starts_with(b"(") && !word.ends_with(b")")).then_some(place);
                merged.push(word.to_vec());
            }
        }
    }
    open.map_or(Ok(merged), Err)
}

impl User {
    /// Applies the rules of ACL SETUSER, all or none; the text of the error is Redis's.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn with_rules(&self, words: &[&[u8]], terms: Terms<'_>) -> Result<Self, Vec<u8>> {
        let rules = merge_selectors(words).map_err(|place| {
            [b"Unmatched parenthesis in acl selector starting at '", words[place], b"'."].concat()
        })?;
        let mut user = self.clone();
        for rule in &rules {
            user.apply(rule, terms).map_err(|error| {
                [b"Error in ACL SETUSER modifier '", &**rule, b"': ", error.to_string().as_bytes()].concat()
            })?;
        }
        Ok(user)
    }
}

/// Looks at the words behind `user` in a configuration file: the name and the rules. What names a command that is not known
/// is told when the users are made.
///
/// # Errors
/// The text of Redis.
pub fn check_declaration(words: &[Word], is_known: bool, terms: Terms<'_>) -> Result<(), Vec<u8>> {
    let wrong =
        |word: &[u8], error: &str| [b"Error in user declaration '", word, b"': ", error.as_bytes()].concat();
    let [name, rules @ ..] = words else { return Err(wrong(b"user", &RuleError::Syntax.to_string())) };
    if is_known {
        return Err(wrong(name, &RuleError::Duplicate.to_string()));
    }
    let rules = merge_selectors(rules).map_err(|place| wrong(&rules[place], "Unmatched parenthesis"))?;
    let mut user = User::new(name, terms);
    for rule in &rules {
        match user.apply(rule, terms) {
            Err(RuleError::Unknown) | Ok(()) => {}
            Err(error) => return Err(wrong(rule, &error.to_string())),
        }
    }
    Ok(())
}

/// Makes the users of a configuration file, each a name and rules.
///
/// # Errors
/// Why they can't be made, in the words of Redis.
pub fn load_declared<'d>(
    declared: impl Iterator<Item = &'d [Word]>,
    users: &mut Users,
    terms: Terms<'_>,
) -> Result<(), Vec<u8>> {
    for words in declared {
        let [name, rules @ ..] = words else { continue };
        if has_spaces(name) {
            return Err(b"Spaces not allowed in ACL usernames".into());
        }
        let mut user = User::new(name, terms);
        for rule in merge_selectors(rules).unwrap_or_default() {
            user.apply(&rule, terms).map_err(|error| {
                let reason = error.to_string();
                let parts: [&[u8]; 6] = [
                    b"Error loading ACL rule '",
                    &rule,
                    b"' for the user named '",
                    name,
                    b"': ",
                    reason.as_bytes(),
                ];
                parts.concat()
            })?;
        }
        users.insert(name.as_slice().into(), Arc::new(user));
    }
    Ok(())
}

/// Reads the text of an ACL file, whose name errors tell. A file without the default user gives it all permissions.
///
/// # Errors
/// Everything that is wrong with it, in one line as Redis writes it.
pub fn load_file(text: &[u8], name: &[u8], terms: Terms<'_>) -> Result<Users, Vec<u8>> {
    let mut users = Users::new();
    let mut errors = Vec::new();
    for (number, line) in (1..).zip(text.split(|&byte| byte == b'\n')) {
        let line = line.trim_ascii();
        if !line.is_empty() {
            load_line(
                line,
                &[name, b":", number.to_string().as_bytes()].concat(),
                &mut users,
                &mut errors,
                terms,
            );
        }
    }
    if !errors.is_empty() {
        errors.extend_from_slice(
            b"WARNING: ACL errors detected, no change to the previously active ACL rules was performed",
        );
        return Err(errors);
    }
    users.entry(DEFAULT.into()).or_insert_with(|| Arc::new(User::unrestricted_default(terms)));
    Ok(users)
}

fn load_line(line: &[u8], place: &[u8], users: &mut Users, errors: &mut Vec<u8>, terms: Terms<'_>) {
    let words: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    let mut tell = |parts: &[&[u8]]| errors.extend(parts.concat());
    let [b"user", name, rules @ ..] = words.as_slice() else {
        return tell(&[place, b" should start with user keyword followed by the username. "]);
    };
    if has_spaces(name) {
        return tell(&[b"'", place, b": username '", name, b"' contains invalid characters. "]);
    }
    if users.contains_key(*name) {
        let number = place.rsplit(|&byte| byte == b':').next().unwrap_or_default();
        return tell(&[b"WARNING: Duplicate user '", name, b"' found on line ", number, b". "]);
    }
    let mut user = User::new(name, terms);
    let Ok(rules) = merge_selectors(rules) else {
        return tell(&[place, b": Unmatched parenthesis in selector definition."]);
    };
    let mut is_first = true;
    for rule in rules {
        let rule = rule.trim_ascii();
        match user.apply(rule, terms) {
            Ok(()) => {}
            Err(error @ RuleError::Unknown) => {
                let reason = error.to_string();
                tell(&[place, b": Error in applying operation '", rule, b"': ", reason.as_bytes(), b". "]);
            }
            // What follows the first may be wrong only because of it; a rule that is not repeated may hold a password.
            Err(error) if std::mem::take(&mut is_first) => {
                tell(&[place, b": ", error.to_string().as_bytes(), b". "])
            }
            Err(_) => {}
        }
    }
    users.insert((*name).into(), Arc::new(user));
}

/// The users as lines of an ACL file, which are those of a configuration file, too.
pub fn describe_all(users: &Users) -> Vec<Vec<u8>> {
    users.values().map(|user| [b"user ", user.name(), b" ", &*user.describe()].concat()).collect()
}
