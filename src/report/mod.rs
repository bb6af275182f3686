//! Figures and text of a finished run. Pure.
