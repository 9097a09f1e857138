//! Errors of the system, for people.

use std::io;

/// The kernel's text alone, as C's `strerror` gives it, without Rust's error number.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_left_out() {
        assert_eq!(reason(&io::Error::from_raw_os_error(nix::libc::ENOENT)), "No such file or directory");
        assert_eq!(reason(&io::Error::other("told by us")), "told by us");
    }
}
