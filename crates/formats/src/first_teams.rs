//! Lists of incident response teams as CSV, as FIRST's and similar directories export them: a team a row, columns by name.
//!
//! Names of columns differ between directories, so each is known by several; those of contact and country matter, the rest is passed over.

use std::io::{self, Read};

use crate::csv::{Dialect, Records};

/// One team, as written.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Team {
    /// Of the record in the file, from 1.
    pub row: u64,
    pub short_name: String,
    pub name: String,
    pub country: String,
    /// Several are separated by `;`, `,` or spaces.
    pub mail: String,
    pub constituency: String,
}

/// Meaning of a column, by its name in lower case with letters and digits only.
fn slot<'t>(team: &'t mut Team, column: &str) -> Option<&'t mut String> {
    let folded: String = column.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    match folded.as_str() {
        "team" | "shortteamname" | "shortname" | "teamname" | "acronym" => Some(&mut team.short_name),
        "officialteamname" | "officialname" | "fullname" | "name" | "teamfullname" | "organization" | "organisation"
        | "hostorganization" => Some(&mut team.name),
        "country" | "countrycode" | "cc" | "countryofresidence" => Some(&mut team.country),
        "email" | "mail" | "teamemail" | "contactemail" | "emailaddress" | "incidentemail" => Some(&mut team.mail),
        "constituency" | "constituencytype" | "sector" | "typeofconstituency" => Some(&mut team.constituency),
        _ => None,
    }
}

/// The header is one of a list of teams: it names a team and its mail.
///
/// ```
/// assert!(formats::first_teams::recognise("Team,Official Team Name,Country,E-mail\n"));
/// assert!(!formats::first_teams::recognise("ip,port\n"));
/// ```
pub fn recognise(header: &str) -> bool {
    let header = header.lines().next().unwrap_or_default();
    let mut team = Team::default();
    for name in header.split([',', ';', '\t']) {
        if let Some(slot) = slot(&mut team, name) {
            slot.push('x');
        }
    }
    !team.mail.is_empty() && (!team.short_name.is_empty() || !team.name.is_empty())
}

/// Hands over each team, or the row and reason why there is none.
///
/// # Errors
/// Those of the input.
///
/// ```
/// let mut teams = Vec::new();
/// formats::first_teams::read(&b"Team,Country,Email\nEX-CERT,JP,info@cert.example\n"[..], &mut |team| teams.push(team.unwrap()))?;
/// assert_eq!((teams[0].short_name.as_str(), teams[0].mail.as_str()), ("EX-CERT", "info@cert.example"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn read(input: impl Read, each: &mut dyn FnMut(Result<Team, (u64, String)>)) -> io::Result<()> {
    let mut records = Records::new(input, Dialect::default());
    let mut header: Vec<String> = Vec::new();
    while let Some(record) = records.next()? {
        let row = record.row();
        if let Some(problem) = record.problem() {
            each(Err((row, problem.to_string())));
            continue;
        }
        let cells: Result<Vec<&str>, _> = (0..record.len()).map(|at| record.text(at)).collect();
        match cells {
            Err(not_text) => each(Err((row, not_text.to_string()))),
            Ok(cells) if header.is_empty() => header = cells.into_iter().map(str::to_owned).collect(),
            Ok(cells) => {
                let mut team = Team { row, ..Team::default() };
                for (name, cell) in header.iter().zip(cells) {
                    // Of several columns with one meaning the first that says something counts.
                    if let Some(slot) = slot(&mut team, name).filter(|slot| slot.is_empty()) {
                        cell.trim().clone_into(slot);
                    }
                }
                if team.short_name.is_empty() && team.name.is_empty() {
                    each(Err((row, "it names no team".into())));
                } else {
                    each(Ok(team));
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_known_by_their_usual_names_in_any_order() {
        let text = "Country,\"Official Team Name\",Short Team Name,Website,E-Mail\nJP,\"Example CERT, Tokyo\",EX-CERT,https://x,\"a@x.example; b@x.example\"\n,,,,\nDE,Other,,,\n";
        let (mut teams, mut bad) = (Vec::new(), Vec::new());
        read(text.as_bytes(), &mut |team| match team {
            Ok(team) => teams.push(team),
            Err(wrong) => bad.push(wrong),
        })
        .unwrap();
        assert_eq!(teams[0].name, "Example CERT, Tokyo");
        assert_eq!(teams[0].mail, "a@x.example; b@x.example");
        assert_eq!((teams.len(), bad), (2, vec![(3, "it names no team".to_owned())]));
    }
}
