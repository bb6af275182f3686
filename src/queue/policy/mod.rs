//! What to test next: the rectangle pipeline.
//!
//! Items are changes, known by number; smaller numbers have their turn first. A run tests a set of items on top of the
//! base. Five ideas, each with its file:
//! - *Suspects last* (`order`): first what is likely green, then what is untouched, then members of failed sets, least
//!   suspect first. Candidates are prefixes of this order, so the search for a culprit and the landing of all others are
//!   one thing.
//! - *Largest rectangle* (`rectangle`): a free slot takes the prefix that adds most to the expected landings.
//! - *Survival evidence* (`risk`): a candidate that has run for a while without failing is more likely green, because
//!   failing runs end early where the likely failures are tested first.
//! - *Backlog groups and a lane for old suspects* (`backlog`): with many waiting, nested candidates waste information;
//!   disjoint groups then clear items that ride along with the next candidate.
//! - *Aside* (`aside`): a slot that would be idle tests what does not stand on a run that takes far too long.
//!
//! What is known is in `state`, what follows from an answer in `evidence`. Nothing here knows what lands in git: the
//! production planner feeds it from records at each tick, the simulator from a clock of its own.

mod aside;
mod backlog;
mod evidence;
mod facts;
mod order;
mod rectangle;
mod risk;
mod settings;
mod state;

pub(crate) use settings::{Rates, Settings};
pub(crate) use state::{Item, ItemId, Kind, Pairs, Pipeline, RunId, Step};
