//! Parties or agreements as CSV: the keys of the TOML as a header, one entry a row, lists within a cell separated by `;`.
//!
//! Rows with the id of an earlier row add to it: so a party with a thousand networks can have a thousand rows. Agreements
//! are known by the column `max_tlp`.

use std::collections::BTreeMap;
use std::io::{self, Read};

use formats::csv::{Dialect, Records};

use super::{Draft, Rejected, Written};

/// Reads what a file says; rows that cannot be are set aside.
///
/// # Errors
/// Those of the input.
///
/// ```
/// let text = "id,kind,networks,contacts\nisp,provider,192.0.2.0/24; 2001:db8::/32,abuse ja abuse@isp.example\nisp,,198.51.100.0/24,\n";
/// let written = casework::parties::csv::read(text.as_bytes())?;
/// assert_eq!(written.parties[0].party.constituency.len(), 3);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn read(input: impl Read) -> io::Result<Written> {
    let mut records = Records::new(input, Dialect { comment: Some(b'#'), ..Dialect::default() });
    let mut written = Written::default();
    let mut header: Vec<String> = Vec::new();
    // Entries in the order in which they were first met.
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut drafts: Vec<(u64, Draft)> = Vec::new();
    while let Some(record) = records.next()? {
        let place = format!("row {}", record.row());
        if let Some(problem) = record.problem() {
            written.rejected.push(Rejected { place, reason: problem.to_string() });
            continue;
        }
        let cells: Result<Vec<&str>, _> = (0..record.len()).map(|at| record.text(at)).collect();
        let cells = match cells {
            Ok(cells) => cells,
            Err(not_text) => {
                written.rejected.push(Rejected { place, reason: not_text.to_string() });
                continue;
            }
        };
        if header.is_empty() {
            header = cells.iter().map(|name| name.trim().to_ascii_lowercase()).collect();
            continue;
        }
        let id = header.iter().position(|name| name == "id").and_then(|at| cells.get(at)).map_or("", |id| id.trim());
        let reason = if id.is_empty() {
            Some("it has no id".to_owned())
        } else if cells.len() > header.len() {
            Some(format!("{} cells under a header of {}", cells.len(), header.len()))
        } else {
            None
        };
        if let Some(reason) = reason {
            written.rejected.push(Rejected { place, reason });
            continue;
        }
        let at = *places.entry(id.to_owned()).or_insert_with(|| {
            drafts.push((record.row(), Draft::default()));
            drafts.len() - 1
        });
        for (name, cell) in header.iter().zip(cells) {
            let whole = matches!(name.as_str(), "name" | "name_ja" | "reference");
            let values: Vec<String> = if whole { vec![cell.to_owned()] } else { cell.split(';').map(str::to_owned).collect() };
            drafts[at].1.add(name.clone(), values);
        }
    }
    let agreements = header.iter().any(|name| name == "max_tlp");
    for (row, draft) in drafts {
        let outcome = if agreements {
            draft.agreement().map(|agreement| written.agreements.push(agreement))
        } else {
            draft.party().map(|party| written.parties.push(party))
        };
        if let Err(wrong) = outcome {
            written.rejected.push(Rejected { place: format!("row {row}"), reason: wrong.to_string() });
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_parties_and_what_cannot_be_is_named_by_row_and_value() {
        let text = "id,name,kind,nation,asns,contacts\n# a comment\na,\"Alpha; Ltd\",provider,JP,AS64496;AS64497,a@a.example\nb,B,bakery,,,\n,x,,,,\nc,C,isac,,,c@c.example;csirt ja d@c.example\n";
        let written = read(text.as_bytes()).unwrap();
        let parties: Vec<_> =
            written.parties.iter().map(|p| (p.party.name.as_str(), p.party.constituency.len(), p.party.contacts.len())).collect();
        assert_eq!(parties, [("Alpha; Ltd", 2, 1), ("C", 0, 2)]);
        let reasons: Vec<String> = written.rejected.iter().map(ToString::to_string).collect();
        assert_eq!(reasons[0], "row 5: it has no id");
        assert!(reasons[1].starts_with("row 4: kind = \"bakery\": not one of"), "{reasons:?}");
    }

    #[test]
    fn a_second_row_cannot_say_otherwise() {
        let written = read("id,kind\na,isac\na,maker\n".as_bytes()).unwrap();
        assert_eq!(written.rejected[0].to_string(), r#"row 2: kind = "maker": it was "isac" before, and can have one value"#);
    }

    #[test]
    fn a_header_with_max_tlp_is_one_of_agreements() {
        let written =
            read("id,kind,parties,max_tlp,purposes,reference\nx,bilateral,a;b,GREEN,notify;defend,\"MoU; 2026\"\n".as_bytes()).unwrap();
        assert_eq!((written.agreements[0].parties.len(), written.agreements[0].reference.as_str()), (2, "MoU; 2026"));
    }
}
