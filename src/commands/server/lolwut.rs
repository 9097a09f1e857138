//! LOLWUT: a tartan. The threads of the warp and of the weft follow one random sett; where they cross, a twill decides
//! which of the two is seen.

use std::fmt::Write;

use super::REDIS_VERSION;
use crate::base::number::parse_i64;
use crate::engine::{Args, CommandResult, Context, Handling, Row, keyless, text};

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[Row::new("LOLWUT", keyless(lolwut))];

const COLUMNS_DEFAULT: i64 = 66;
const LINES_DEFAULT: i64 = 12;
const COLUMNS_MAX: i64 = 1000;
const LINES_MAX: i64 = 200;
/// Threads by how dark they are.
const SHADES: &[u8] = b" .:+#";

/// LOLWUT [VERSION version] [columns [lines]]: every version is this one.
fn lolwut<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let mut sizes = args.from(1);
    if args.is(1, "VERSION") && args.len() > 2 {
        parse_i64(args.at(2)).ok_or(text::NOT_INTEGER)?;
        sizes = args.from(3);
    }
    let size = |place: usize, default: i64, max: i64| {
        sizes.get(place).and_then(|size| parse_i64(size)).unwrap_or(default).clamp(1, max) as usize
    };
    let (columns, lines) = (size(0, COLUMNS_DEFAULT, COLUMNS_MAX), size(1, LINES_DEFAULT, LINES_MAX));
    let mut picture = weave(&mut fastrand::Rng::new(), columns, lines);
    // Writing to a String cannot fail.
    let _ = writeln!(picture, "\nA tartan that nobody has worn before. Redis ver. {REDIS_VERSION}");
    ctx.reply.verbatim("txt", picture.as_bytes());
    Ok(())
}

fn weave(rng: &mut fastrand::Rng, columns: usize, lines: usize) -> String {
    let sett = sett(rng);
    let thread = |place: usize| sett[place % sett.len()];
    let mut picture = String::with_capacity((columns + 1) * lines);
    for line in 0..lines {
        for column in 0..columns {
            // Characters are twice as high as wide.
            let is_warp = (column / 2 + line) % 4 < 2;
            let shade = if is_warp { thread(column) } else { thread(2 * line) };
            picture.push(char::from(SHADES[shade]));
        }
        picture.push('\n');
    }
    picture
}

/// Bands of random width and shade, then the same backwards: a sett is symmetric.
fn sett(rng: &mut fastrand::Rng) -> Vec<usize> {
    let mut threads = Vec::new();
    for _ in 0..rng.usize(3..6) {
        threads.extend(std::iter::repeat_n(rng.usize(..SHADES.len()), rng.usize(1..8)));
    }
    let mirrored: Vec<usize> = threads.iter().rev().copied().collect();
    threads.extend(mirrored);
    threads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weave_has_its_size_and_is_not_plain() {
        let picture = weave(&mut fastrand::Rng::with_seed(7), 40, 9);
        assert_eq!(picture.lines().count(), 9);
        assert!(picture.lines().all(|line| line.len() == 40), "{picture}");
        let shades: std::collections::HashSet<char> = picture.chars().collect();
        assert!(shades.len() > 2, "{picture}");
    }
}
