//! How the system's scheduler ranks a thread.

use rustix::process::setpriority_process;

use super::log;

/// The last rank there is (`nice`): the thread still runs when nobody else wants the processor.
const LAST: i32 = 19;

/// Has the calling thread give way to all others, for good: without a privilege nothing takes that back.
pub fn lower_thread() {
    // No process is the calling thread.
    if let Err(error) = setpriority_process(None, LAST) {
        log::verbose!("The priority of a background thread can't be lowered: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lowered_thread_leaves_others_as_they_are() {
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let before = nice();
        let lowered = std::thread::spawn(move || {
            lower_thread();
            nice()
        });
        assert_eq!((lowered.join().unwrap(), nice()), (LAST, before));
    }
}
