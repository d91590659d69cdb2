//! What clients of a MISP send.
#![cfg_attr(feature = "run", no_main)]

use formats::misp::api::request::{self, SightingSearch, View};
use formats::misp::api::{Path, Scope, Search};

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let path = Path::read(&String::from_utf8_lossy(input));
    let _ = View::read(&path, b"");
    let _ = Search::of(path.parameters, Scope::Index, 0);
    let _ = Search::read(input, Scope::Events, 0);
    let _ = SightingSearch::read(input, 0);
    let _ = request::attributes(input);
    let _ = request::candidates(input);
    let _ = request::uuids(input);
    let _ = request::sightings(input);
    let _ = request::new_sighting(input, 0);
    let _ = request::tag_change(input);
    let _ = request::tag_search(input);
});
