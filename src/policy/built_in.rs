//! The built-in agents, as the lowest layer of settings: `agents.toml` beside this file.

use super::{
    file,
    layer::{Layer, Origin},
};
use std::sync::LazyLock;

/// The built-in agents, as a layer.
pub(super) static BUILT_IN: LazyLock<Layer> = LazyLock::new(|| {
    let values = file::read(include_str!("agents.toml")).expect("a test reads it");
    Layer::of_file(Origin::BuiltIn, values)
});
