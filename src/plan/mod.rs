//! Which task comes next: dependencies, priority, nearly-done work first. Pure.

pub(crate) mod breaker;
pub(crate) mod budget;
pub(crate) mod card;
pub(crate) mod failure;
pub(crate) mod graph;
pub(crate) mod memory;
pub(crate) mod ready;
pub(crate) mod retry;
pub(crate) mod route;
pub(crate) mod turns;

pub(crate) use card::Card;
