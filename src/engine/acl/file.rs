//! Users from the configuration and from the ACL file.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::super::node::Node;
use super::{Acl, catalog, terms};
use crate::acl::{self, Catalog, Users};
use crate::base::replace::replace_file;
use crate::base::{log, os_error};
use crate::config::{Config, Id, LoadError};

/// Looks at the `user` lines of the configuration.
///
/// # Errors
/// The first that is wrong.
pub fn check_declarations(config: &Config) -> Result<(), LoadError> {
    let lines = config.user_lines();
    let catalog = if lines.is_empty() { return Ok(()) } else { catalog() };
    for (place, line) in lines.iter().enumerate() {
        let is_known = lines[..place].iter().any(|earlier| earlier.words.first() == line.words.first());
        acl::check_declaration(&line.words, is_known, terms(&catalog, config))
            .map_err(|reason| line.error(String::from_utf8_lossy(&reason).into_owned()))?;
    }
    Ok(())
}

/// Makes the users that the configuration or the ACL file tells, before anybody can connect.
///
/// # Errors
/// Why the server must not start.
pub fn load_at_start(node: &Node) -> Result<(), String> {
    let (acl, config, path) = (&node.acl, &node.config, node.config.path(Id::AclFile));
    let lines = config.user_lines();
    let has_file = !path.as_os_str().is_empty();
    if has_file && !lines.is_empty() {
        return Err("Configuring Redis with users defined in redis.conf and at the same setting an ACL file path is invalid. \
                    This setup is very likely to lead to configuration errors and security holes, please define either an ACL \
                    file or declare users directly in your redis.conf, but not both."
            .into());
    }
    let mut users = acl.users();
    let declared = lines.iter().map(|line| line.words.as_slice());
    acl::load_declared(declared, &mut users, terms(&acl.catalog, config)).map_err(|reason| {
        log::warning!("{}", String::from_utf8_lossy(&reason));
        "Critical error while loading ACLs. Exiting."
    })?;
    for user in
        lines.iter().filter_map(|line| users.get(line.words.first()?.as_slice())).filter(|user| !user.is_on)
    {
        log::notice!(
            "The user '{}' is disabled (there is no 'on' modifier in the user description). Make sure this is not a \
             configuration error.",
            String::from_utf8_lossy(user.name())
        );
    }
    if has_file {
        users = load_file(&acl.catalog, config).map_err(|reason| {
            format!("Aborting Redis startup because of ACL errors: {}", String::from_utf8_lossy(&reason))
        })?;
    }
    acl.put(users);
    Ok(())
}

/// The users as CONFIG REWRITE writes them: not at all if they have a file of their own.
pub fn config_lines(node: &Node) -> Vec<Vec<u8>> {
    let has_file = !node.config.text(Id::AclFile).is_empty();
    if has_file { Vec::new() } else { acl::describe_all(&node.acl.users()) }
}

/// Reads the ACL file.
///
/// # Errors
/// What is wrong with it.
pub fn load_file(catalog: &Catalog, config: &Config) -> Result<Users, Vec<u8>> {
    let path = config.path(Id::AclFile);
    let name = path.as_os_str().as_bytes();
    let text = fs::read(&path).map_err(|error| {
        [b"Error loading ACLs, opening file '", name, b"': ", os_error::reason(&error).as_bytes()].concat()
    })?;
    acl::load_file(&text, name, terms(catalog, config))
}

/// Writes the ACL file; the log tells what goes wrong.
///
/// # Errors
/// When it can't be written; then the old one is still there.
pub fn save_file(acl: &Acl, path: &Path) -> std::io::Result<()> {
    // One at a time, or an older one might replace a newer one.
    let _turn = acl.saving.lock();
    let mut text = acl::describe_all(&acl.users()).join(&b'\n');
    text.push(b'\n');
    replace_file(path, &text).inspect_err(|error| log::warning!("Writing ACL file for ACL SAVE: {error}"))
}
