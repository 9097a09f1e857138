//! What lists of processes show as this one's command line.
//!
//! The kernel shows the memory in which it passed the arguments, and, once their last zero byte is overwritten, the text
//! that begins there, as far as the end of the environment that follows. So a title goes over the arguments, and over the
//! environment after its variables have been moved elsewhere. That memory is written through `/proc/self/mem`.
//!
//! U1. `std::env::set_var` is unsafe because others may read the environment meanwhile: `prepare` must be called while the
//!     process has one thread.
//! U2. Nobody reads the arguments again: `std::env::args` would show pieces of the title.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;

/// Where the kernel looks for the command line.
#[derive(Debug)]
pub struct Room {
    start: u64,
    /// Bytes of the arguments.
    arguments: usize,
    /// Bytes of the arguments and the environment.
    whole: usize,
}

/// Finds the room for titles and clears it. To be called before any thread is started, after the arguments have been read.
///
/// # Errors
/// When the system does not tell where it is.
pub fn prepare() -> io::Result<Room> {
    let room = Room::find(&fs::read_to_string("/proc/self/stat")?)
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    // A name with an equals sign is none that could be set.
    let is_name = |name: &OsString| !name.as_bytes().contains(&b'=');
    for (name, value) in std::env::vars_os().filter(|(name, _)| is_name(name)) {
        // A variable that is set is copied to the heap, even if it is as before.
        #[expect(
            unsafe_code,
            reason = "the environment must leave the room that the kernel shows as the title"
        )]
        // SAFETY: U1.
        unsafe {
            std::env::set_var(name, value);
        }
    }
    Ok(room)
}

impl Room {
    /// From the fields 48 to 51 of `/proc/self/stat`: where arguments and environment begin and end.
    fn find(stat: &str) -> Option<Room> {
        const ARGUMENTS_START: usize = 48 - 3;
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace().skip(ARGUMENTS_START).map(str::parse::<u64>);
        let mut next = || fields.next()?.ok();
        let (start, arguments_end, variables_start, variables_end) = (next()?, next()?, next()?, next()?);
        let end = if variables_start == arguments_end { variables_end } else { arguments_end };
        let arguments = arguments_end.checked_sub(start).filter(|bytes| *bytes > 1)? as usize;
        Some(Room { start, arguments, whole: end.checked_sub(start)? as usize })
    }

    /// Shows `title`, or as much of it as there is room for.
    ///
    /// # Errors
    /// When the memory cannot be written.
    pub fn show(&self, title: &str) -> io::Result<()> {
        let memory = OpenOptions::new().write(true).open("/proc/self/mem")?;
        memory.write_all_at(&self.content(title), self.start)
    }

    fn content(&self, title: &str) -> Vec<u8> {
        let mut content = vec![0; self.whole];
        let shown = title.len().min(self.whole - 1);
        content[..shown].copy_from_slice(&title.as_bytes()[..shown]);
        if shown + 1 < self.arguments {
            // No zero byte here is the sign that the title ends at the first one.
            content[self.arguments - 1] = b'.';
        }
        content
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_found() {
        let stat = |numbers: &str| format!("7 (a ) b) S {}{numbers} 0", "1 ".repeat(44));
        let room = Room::find(&stat("100 110 110 150")).unwrap();
        assert_eq!((room.start, room.arguments, room.whole), (100, 10, 50));
        let apart = Room::find(&stat("100 110 120 150")).unwrap();
        assert_eq!(apart.whole, 10);
        assert!(Room::find(&stat("100 100 100 100")).is_none());
        assert!(Room::find("7 (x) S 1 2").is_none());
    }

    #[test]
    fn titles_fit() {
        let room = Room { start: 0, arguments: 6, whole: 9 };
        let check = |title: &str, expected: &[u8]| assert_eq!(room.content(title), expected, "{title}");
        check("ab", b"ab\0\0\0.\0\0\0");
        check("abcde", b"abcde\0\0\0\0");
        check("abcdefg", b"abcdefg\0\0");
        check("abcdefghijk", b"abcdefgh\0");
    }
}
