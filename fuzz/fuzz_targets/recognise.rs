//! Every source looks at every report; whichever is surest reads it.
#![cfg_attr(feature = "run", no_main)]

use casework::observe::Knowledge;
use casework::observe::sources::recognise;

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let (name, report) = musubi_fuzz::named(input);
    let knowledge = Knowledge::default();
    if let Some(source) = recognise(&musubi_fuzz::head(name, report), &knowledge) {
        musubi_fuzz::read_with(source, name, report, &knowledge);
    }
});
