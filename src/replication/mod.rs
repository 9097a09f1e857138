//! Layer 4: what replicas are sent, and what they say they have; the protocol is Redis 7.2's.
//!
//! *The stream* is what the journal says, as commands, in its order, and beside it PING and REPLCONF GETACK. Its bytes are counted
//! from the beginning of a *history*, which has an id; a place in it is the number of bytes before. The [`Feed`] reads the
//! journal and keeps the last bytes in the [`Backlog`]; every replica copies from there at its own pace, so a slow one costs
//! memory and nothing else, and that only up to its limit.
//!
//! *A full synchronization* is an image of the store and the stream from its cut on. The two meet exactly:
//! 1. While every stripe is held, the feed drains the journal into the stream ([`Feed::cut`]). Every effect that the image has is
//!    published, so it is in the stream before this place; none that comes later is.
//! 2. The replicas that wait get this place, and a SELECT goes before the next command: what was selected before, they do not
//!    know. From now on the backlog keeps what they have not copied.
//! 3. The stripes are given back; the image is written, to a file or straight to the replicas ([`Broadcast`]), while the stream
//!    grows. A replica that has taken the image goes on with the stream at its place.
//!
//! What holds no stripe (PUBLISH) may be published during the cut, and then comes before its place or behind it: it is in no
//! image.
//!
//! *A partial one* is the stream alone, from a place that the backlog still has.
//!
//! *Locks*: the feed's, then a link's. Both are taken under stripes, and neither is held while somebody waits for anything.

mod backlog;
mod broadcast;
mod feed;
mod link;
mod marks;

pub use backlog::Backlog;
pub use broadcast::Broadcast;
pub use feed::{Feed, FeedStats, Figures, Party};
pub use link::{Content, Link, Outlet, Spool, Stage, View};
