//! A believable week for a first look: nothing here is real, and nothing here talks to anyone.

pub(crate) mod desk;
pub(crate) mod evidence;
mod feeds;
mod packing;
pub(crate) mod picture;
mod shadowserver;
pub(crate) mod sharing;
pub(crate) mod world;
