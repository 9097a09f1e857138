//! How the system's scheduler treats a thread.

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

/// Has the calling thread's sleeps end when they should; by default Linux lets them last some 50 microseconds longer.
pub fn wake_in_time() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_timerslack(1) {
        log::verbose!("The timer slack of a background thread can't be set: {error}");
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
