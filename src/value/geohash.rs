//! Positions on the earth as scores of a sorted set, and the search for those within an area.
//!
//! 1. A score has 52 bits: 26 of the latitude and 26 of the longitude, interleaved, the longitude's first. Each is the number
//!    of the cell, of 2^26 equal ones, in a map that is square: it ends at [`LATITUDE_MAX`]. The position of a score is the
//!    middle of its cell.
//! 2. Leading bits name a larger cell, and its members lie next to each other in the order of scores. An area is searched in the
//!    cell of its center and the eight around it, in the largest number of bits with which nine cells cover it.
//! 3. Rounding shows in replies, hence the order of operations is given: it is that of Redis, and so are the names of the edges
//!    (nothing is searched beyond the date line but what the neighbors reach).

use std::f64::consts::PI;

use smallvec::SmallVec;

/// The northernmost latitude of the map, in degrees, and the southernmost without its sign.
pub const LATITUDE_MAX: f64 = 85.051_128_78;
/// The easternmost longitude, in degrees.
pub const LONGITUDE_MAX: f64 = 180.0;

/// Bits of each coordinate in a score.
const STEPS_MAX: u32 = 26;
const EARTH_RADIUS_METERS: f64 = 6_372_797.560_856;
/// Half the width of the map at the equator.
const HALF_EQUATOR_METERS: f64 = 20_037_726.37;
const RADIANS: f64 = PI / 180.0;

/// A position, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// East of Greenwich.
    pub longitude: f64,
    /// North of the equator.
    pub latitude: f64,
}

impl Point {
    /// A position on the map; none beyond its edges.
    pub fn new(longitude: f64, latitude: f64) -> Option<Self> {
        let valid = longitude.abs() <= LONGITUDE_MAX && latitude.abs() <= LATITUDE_MAX;
        valid.then_some(Self { longitude, latitude })
    }

    /// The position that a score stands for; any score gives one.
    pub fn of_score(score: f64) -> Self {
        let cell = Cell { bits: whole_bits(score), steps: STEPS_MAX };
        let (longitude, latitude) = (cell.longitudes(), cell.latitudes());
        Self {
            longitude: ((longitude.0 + longitude.1) / 2.0).clamp(-LONGITUDE_MAX, LONGITUDE_MAX),
            latitude: ((latitude.0 + latitude.1) / 2.0).clamp(-LATITUDE_MAX, LATITUDE_MAX),
        }
    }

    /// The score of the cell that the position lies in.
    pub fn score(self) -> u64 {
        Cell::at(self, STEPS_MAX, LATITUDE_MAX).bits
    }

    /// Meters to another position, along a great circle.
    pub fn distance(self, other: Self) -> f64 {
        Center::new(self).distance(other)
    }

    /// The geohash as everybody writes it: eleven digits of five bits. Its map reaches the poles, so the bits are others. The
    /// last digit is always 0, since there are 52 bits.
    pub fn text(self) -> [u8; 11] {
        const DIGITS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        let bits = Cell::at(self, STEPS_MAX, 90.0).bits;
        std::array::from_fn(|place| match place {
            10 => b'0',
            _ => DIGITS[(bits >> (47 - 5 * place)) as usize & 0x1f],
        })
    }
}

/// The bits of a score that need not be a geohash: wrong ones give wrong positions, as in Redis, where out of 64 bits the
/// processor's conversion has the say.
fn whole_bits(score: f64) -> u64 {
    const HIGH_BIT: u64 = 1 << 63;
    let high = HIGH_BIT as f64;
    match score {
        _ if score < high => score as i64 as u64,
        _ if score < 2.0 * high => (score - high) as u64 | HIGH_BIT,
        _ => 0,
    }
}

/// A position to measure from.
#[derive(Clone, Copy, Debug)]
struct Center {
    point: Point,
    latitude_radians: f64,
    latitude_cosine: f64,
}

impl Center {
    fn new(point: Point) -> Self {
        let latitude_radians = point.latitude * RADIANS;
        Self { point, latitude_radians, latitude_cosine: latitude_radians.cos() }
    }

    /// Meters between the circles of latitude.
    fn latitude_distance(&self, latitude: f64) -> f64 {
        EARTH_RADIUS_METERS * (latitude * RADIANS - self.latitude_radians).abs()
    }

    /// The haversine formula.
    fn distance(&self, other: Point) -> f64 {
        let across = ((other.longitude * RADIANS - self.point.longitude * RADIANS) / 2.0).sin();
        if across == 0.0 {
            return self.latitude_distance(other.latitude);
        }
        let latitude = other.latitude * RADIANS;
        let along = ((latitude - self.latitude_radians) / 2.0).sin();
        let square = along * along + self.latitude_cosine * latitude.cos() * across * across;
        // On the opposite side of the earth rounding may lead beyond 1.
        2.0 * EARTH_RADIUS_METERS * square.sqrt().min(1.0).asin()
    }
}

/// A cell: the first `steps` bits of both coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    bits: u64,
    steps: u32,
}

/// Bits of the latitude.
const EVEN_BITS: u64 = 0x5555_5555_5555_5555;
/// Bits of the longitude.
const ODD_BITS: u64 = !EVEN_BITS;

impl Cell {
    /// The cell that a position lies in, on a map that ends at `latitude_max`. The eastern and the northern edge are in cells of
    /// their own, one beyond the last.
    fn at(point: Point, steps: u32, latitude_max: f64) -> Self {
        let count = (1_u64 << steps) as f64;
        let latitude = (point.latitude + latitude_max) / (latitude_max + latitude_max) * count;
        let longitude = (point.longitude + LONGITUDE_MAX) / (LONGITUDE_MAX + LONGITUDE_MAX) * count;
        Self { bits: spread(latitude as u32) | spread(longitude as u32) << 1, steps }
    }

    /// West and east end.
    fn longitudes(self) -> (f64, f64) {
        self.extent(gather(self.bits >> 1), LONGITUDE_MAX)
    }

    /// South and north end.
    fn latitudes(self) -> (f64, f64) {
        self.extent(gather(self.bits), LATITUDE_MAX)
    }

    fn extent(self, number: u32, max: f64) -> (f64, f64) {
        let count = (1_u64 << self.steps) as f64;
        let border = |number: u32| -max + f64::from(number) / count * (max + max);
        (border(number), border(number.wrapping_add(1)))
    }

    /// The cell so many to the east and to the north, -1 to 1 each; around the map at its edges.
    fn neighbor(self, east: i32, north: i32) -> Self {
        let mask = u64::MAX >> (64 - 2 * self.steps);
        // The bits of the other coordinate let a carry run through when they are set, a borrow when they are not.
        let shift = |own: u64, by: i32| match by {
            1 => (self.bits | !own).wrapping_add(1) & own & mask,
            -1 => (self.bits & own).wrapping_sub(1) & own & mask,
            _ => self.bits & own,
        };
        Self { bits: shift(ODD_BITS, east) | shift(EVEN_BITS, north), steps: self.steps }
    }

    /// The scores of its members: the first, and the first that is none.
    fn scores(self) -> (f64, f64) {
        let shift = 2 * (STEPS_MAX - self.steps);
        ((self.bits << shift) as f64, ((self.bits + 1) << shift) as f64)
    }
}

/// Puts the bits of a number into the even places.
fn spread(number: u32) -> u64 {
    let mut bits = u64::from(number);
    for (shift, mask) in SPREAD.iter().rev().skip(1) {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

/// The number whose bits are in the even places.
fn gather(bits: u64) -> u32 {
    let mut bits = bits & EVEN_BITS;
    for pair in SPREAD.windows(2) {
        bits = (bits | bits >> pair[0].0) & pair[1].1;
    }
    bits as u32
}

/// How far the upper halves of groups of bits move, and where the groups lie then.
const SPREAD: [(u32, u64); 6] = [
    (1, EVEN_BITS),
    (2, 0x3333_3333_3333_3333),
    (4, 0x0f0f_0f0f_0f0f_0f0f),
    (8, 0x00ff_00ff_00ff_00ff),
    (16, 0x0000_ffff_0000_ffff),
    (32, 0x0000_0000_ffff_ffff),
];

/// The form of an [`Area`], in its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// All within this radius.
    Circle(f64),
    /// This width along the circles of latitude, this height along the meridians.
    Rectangle(f64, f64),
}

/// What a search covers. Lengths are not negative.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    center: Center,
    shape: Shape,
    /// Meters.
    unit: f64,
}

impl Area {
    /// The area of this shape around `center`; `unit` is what the shape is measured in, in meters.
    pub fn new(center: Point, shape: Shape, unit: f64) -> Self {
        Self { center: Center::new(center), shape, unit }
    }

    /// Meters from the center to a position that is within.
    pub fn distance_within(&self, point: Point) -> Option<f64> {
        match self.shape {
            Shape::Circle(radius) => {
                let radius = radius * self.unit;
                // Whatever rounding does, this is too far north or south.
                if self.center.latitude_distance(point.latitude) > radius * 1.000_001 + 0.001 {
                    return None;
                }
                Some(self.center.distance(point)).filter(|distance| *distance <= radius)
            }
            Shape::Rectangle(width, height) => {
                if self.center.latitude_distance(point.latitude) > height * self.unit / 2.0 {
                    return None;
                }
                let beside = Point { longitude: self.center.point.longitude, latitude: point.latitude };
                let within = point.distance(beside) <= width * self.unit / 2.0;
                within.then(|| self.center.distance(point))
            }
        }
    }

    /// The scores to look through, from the first up to but not including the second, in the order of Redis: the cell in the
    /// middle, north, south, east, west, and the corners. A cell may come twice around a small map.
    pub fn score_ranges(&self) -> SmallVec<[(f64, f64); 9]> {
        const DIRECTIONS: [(i32, i32); 8] =
            [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
        let bounds = self.bounds();
        let cell = self.cell(&bounds);
        let mut ranges: SmallVec<_> = [cell.scores()].into_iter().collect();
        let mut previous = None;
        for (east, north) in DIRECTIONS {
            let neighbor = cell.neighbor(east, north);
            if bounds.needs(cell, east, north) && previous != Some(neighbor) {
                ranges.push(neighbor.scores());
                previous = Some(neighbor);
            }
        }
        ranges
    }

    /// The smallest cell that covers the area together with its neighbors.
    fn cell(&self, bounds: &Bounds) -> Cell {
        let point = self.center.point;
        let cell = Cell::at(point, self.estimated_steps(), LATITUDE_MAX);
        if cell.steps > 1 && !bounds.lie_within_neighbors(cell) {
            return Cell::at(point, cell.steps - 1, LATITUDE_MAX);
        }
        cell
    }

    /// Half as wide as the search takes one bit more of each coordinate; towards the poles cells get narrower.
    fn estimated_steps(&self) -> u32 {
        let radius = self.unit
            * match self.shape {
                Shape::Circle(radius) => radius,
                Shape::Rectangle(width, height) => {
                    ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt()
                }
            };
        if radius == 0.0 {
            return STEPS_MAX;
        }
        let mut steps = -1;
        let mut reach = radius;
        while reach < HALF_EQUATOR_METERS {
            reach *= 2.0;
            steps += 1;
        }
        let latitude = self.center.point.latitude.abs();
        steps -= i32::from(latitude > 66.0) + i32::from(latitude > 80.0);
        steps.clamp(1, STEPS_MAX as i32) as u32
    }

    fn bounds(&self) -> Bounds {
        let (half_width, half_height) = match self.shape {
            Shape::Circle(radius) => (self.unit * radius, self.unit * radius),
            Shape::Rectangle(width, height) => (self.unit * (width / 2.0), self.unit * (height / 2.0)),
        };
        let Point { longitude, latitude } = self.center.point;
        let north_south = half_height / EARTH_RADIUS_METERS / RADIANS;
        // The edge nearer to the pole is the wider one in degrees.
        let edge = if latitude < 0.0 { latitude - north_south } else { latitude + north_south };
        let east_west = half_width / EARTH_RADIUS_METERS / (edge * RADIANS).cos() / RADIANS;
        Bounds {
            west: longitude - east_west,
            south: latitude - north_south,
            east: longitude + east_west,
            north: latitude + north_south,
        }
    }
}

/// The degrees an area reaches to, on the map or beyond.
struct Bounds {
    west: f64,
    south: f64,
    east: f64,
    north: f64,
}

impl Bounds {
    fn lie_within_neighbors(&self, cell: Cell) -> bool {
        let beyond = cell.neighbor(0, 1).latitudes().1 < self.north
            || cell.neighbor(0, -1).latitudes().0 > self.south
            || cell.neighbor(1, 0).longitudes().1 < self.east
            || cell.neighbor(-1, 0).longitudes().0 > self.west;
        !beyond
    }

    /// Whether the neighbor in this direction can hold something: not if the cell in the middle reaches beyond the area there.
    /// The four cells of the coarsest map are always needed.
    fn needs(&self, cell: Cell, east: i32, north: i32) -> bool {
        let (longitudes, latitudes) = (cell.longitudes(), cell.latitudes());
        let useless = north < 0 && latitudes.0 < self.south
            || north > 0 && latitudes.1 > self.north
            || east < 0 && longitudes.0 < self.west
            || east > 0 && longitudes.1 > self.east;
        cell.steps < 2 || !useless
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PALERMO: Point = Point { longitude: 13.361_389, latitude: 38.115_556 };
    const CATANIA: Point = Point { longitude: 15.087_269, latitude: 37.502_669 };

    #[test]
    fn known_places() {
        assert_eq!(PALERMO.score(), 3_479_099_956_230_698);
        assert_eq!(CATANIA.score(), 3_479_447_370_796_909);
        let stored = |point: Point| Point::of_score(point.score() as f64);
        assert_eq!(stored(PALERMO).text(), *b"sqc8b49rny0");
        assert_eq!(stored(CATANIA).text(), *b"sqdtr74hyu0");
        let distance = stored(PALERMO).distance(stored(CATANIA));
        assert!((distance - 166_274.151_6).abs() < 0.000_1, "{distance}");
    }

    #[test]
    fn edges_of_the_map() {
        assert_eq!(Point::new(180.1, 0.0), None);
        assert_eq!(Point::new(0.0, -85.1), None);
        for (longitude, latitude) in [(180.0, LATITUDE_MAX), (-180.0, -LATITUDE_MAX), (0.0, 0.0)] {
            let point = Point::new(longitude, latitude).unwrap();
            let stored = Point::of_score(point.score() as f64);
            assert!((stored.longitude - longitude).abs() < 3e-6, "{stored:?}");
            assert!((stored.latitude - latitude).abs() < 3e-6, "{stored:?}");
        }
    }

    #[test]
    fn any_number_is_a_score() {
        let check = |score: f64, expected: u64| assert_eq!(whole_bits(score), expected, "{score}");
        check(-0.5, 0);
        check(-1.0, u64::MAX);
        check(1e300, 0);
        check(f64::INFINITY, 0);
        check(f64::NEG_INFINITY, 1 << 63);
        check(9_223_372_036_854_775_808.0, 1 << 63);
        for score in [-1.0, 1e300, -1e300, 1e18, f64::NEG_INFINITY] {
            let point = Point::of_score(score);
            assert!(Point::new(point.longitude, point.latitude).is_some(), "{point:?}");
        }
    }

    #[test]
    fn neighbors_go_around_the_map() {
        let cell = Cell { bits: spread(1) | spread(2) << 1, steps: 2 };
        let at = |longitude: u32, latitude: u32| Cell {
            bits: spread(latitude) | spread(longitude) << 1,
            steps: 2,
        };
        assert_eq!(cell, at(2, 1));
        assert_eq!(cell.neighbor(1, 1), at(3, 2));
        assert_eq!(cell.neighbor(-1, -1), at(1, 0));
        assert_eq!(at(3, 3).neighbor(1, 1), at(0, 0));
        assert_eq!(at(0, 0).neighbor(-1, -1), at(3, 3));
    }

    #[test]
    fn opposite_positions_are_half_the_equator_apart() {
        let distance =
            Point { longitude: -90.0, latitude: 0.0 }.distance(Point { longitude: 90.0, latitude: 0.0 });
        assert!((distance - PI * EARTH_RADIUS_METERS).abs() < 1e-3, "{distance}");
    }

    fn positions() -> impl Strategy<Value = Point> {
        (-180.0..180.0, -LATITUDE_MAX..LATITUDE_MAX)
            .prop_map(|(longitude, latitude)| Point { longitude, latitude })
    }

    proptest! {
        #[test]
        fn bits_are_spread_and_gathered(number: u32, other: u32) {
            let bits = spread(number) | spread(other) << 1;
            prop_assert_eq!((gather(bits), gather(bits >> 1)), (number, other));
        }

        #[test]
        fn a_score_keeps_its_position(point in positions()) {
            let stored = Point::of_score(point.score() as f64);
            prop_assert!(point.distance(stored) < 0.4);
            prop_assert_eq!(stored.score(), point.score());
        }

        /// Away from the date line and the poles, where Redis's nine cells don't cover everything either.
        #[test]
        fn the_ranges_hold_all_that_is_within(
            center in (-60.0..60.0, -60.0..60.0),
            offset in (-1.0..1.0, -1.0..1.0),
            reach in 1.0..10_000_000.0,
            wide: bool,
        ) {
            let center = Point { longitude: center.0, latitude: center.1 };
            let shape = if wide { Shape::Rectangle(reach, reach / 3.0) } else { Shape::Circle(reach / 10.0) };
            let area = Area::new(center, shape, 1.0);
            let degrees = reach / 111_000.0;
            let point = Point::new(center.longitude + offset.0 * degrees, center.latitude + offset.1 * degrees);
            let stored = point.map(|point| Point::of_score(point.score() as f64));
            if let Some(stored) = stored.filter(|stored| area.distance_within(*stored).is_some()) {
                let score = stored.score() as f64;
                let ranges = area.score_ranges();
                prop_assert!(ranges.iter().any(|(first, end)| (*first..*end).contains(&score)), "{:?}", ranges);
            }
        }
    }
}
