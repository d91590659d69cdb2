//! Lists of teams.
#![cfg_attr(feature = "run", no_main)]

use casework::parties::foreign;

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    formats::first_teams::recognise(&String::from_utf8_lossy(input));
    let read = formats::first_teams::read(input, &mut |team| {
        if let Ok(team) = team {
            let _ = foreign::team(&team);
        }
    });
    read.expect("reading from memory does not fail");
});
