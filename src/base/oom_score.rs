//! How readily the kernel ends this process when memory runs out: `/proc/self/oom_score_adj`.

use std::fs;
use std::io;

use parking_lot::Mutex;

/// The kernel's bounds of a score.
const SCORE_MIN: i64 = -1000;
const SCORE_MAX: i64 = 1000;

const FILE: &str = "/proc/self/oom_score_adj";

/// What the score was before it was first changed.
static ORIGINAL: Mutex<Option<i64>> = Mutex::new(None);

/// What the score shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Score {
    /// What it was at the start.
    Original,
    /// So much more than that.
    Relative(i64),
    /// Just this.
    Absolute(i64),
}

/// Sets the score.
///
/// # Errors
/// When the kernel does not let us: only a privileged process may lower it.
pub fn set(score: Score) -> io::Result<()> {
    let mut original = ORIGINAL.lock();
    let before = match *original {
        Some(before) => before,
        None if score == Score::Original => return Ok(()),
        None => {
            let text = fs::read_to_string(FILE)?;
            text.trim().parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?
        }
    };
    let wanted = match score {
        Score::Original => before,
        Score::Relative(more) => before + more,
        Score::Absolute(score) => score,
    };
    fs::write(FILE, wanted.clamp(SCORE_MIN, SCORE_MAX).to_string())?;
    *original = (score != Score::Original).then_some(before);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_set_and_put_back() {
        let now = || fs::read_to_string(FILE).unwrap().trim().parse::<i64>().unwrap();
        let before = now();
        let check = |score, expected: i64| {
            set(score).unwrap();
            assert_eq!(now(), expected, "{score:?}");
        };
        // Raising it needs no privilege.
        check(Score::Relative(1), before + 1);
        check(Score::Relative(2), before + 2);
        check(Score::Absolute(5000), 1000);
        if set(Score::Original).is_ok() {
            assert_eq!(now(), before);
        }
    }
}
