//! Who does it, and when: what every command that changes a case is told.

use jiff::Timestamp;

use super::moment;

/// By whom and at what time
#[derive(Debug, clap::Args)]
pub(crate) struct Acting {
    /// Who does this, for the history
    #[arg(long, value_name = "NAME", env = "MUSUBI_USER", hide_env_values = true)]
    by: Option<String>,
    /// For rehearsals and tests: act as if it were this time
    #[arg(long, value_name = "TIME", value_parser = moment, hide = true)]
    at: Option<Timestamp>,
}

impl Acting {
    pub(crate) fn now(&self) -> Timestamp {
        self.at.unwrap_or_else(crate::pipeline::now)
    }

    pub(crate) fn by(&self) -> String {
        let login = || std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).ok().filter(|name| !name.is_empty());
        self.by.clone().or_else(login).unwrap_or_else(|| "unknown".to_owned())
    }
}

/// A moment that may lie ahead: a time, or a span from now such as `7d`, `12h`, `2w`.
pub(crate) fn ahead(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let hours = match unit {
        "h" => 1,
        "d" => 24,
        "w" => 7 * 24,
        _ => return moment(text),
    };
    let hours = number.parse::<i64>().ok().and_then(|n| n.checked_mul(hours)).filter(|h| *h < 24 * 366 * 200);
    let hours = hours.ok_or_else(|| format!("{text:?} is no span such as 7d"))?;
    now.checked_add(jiff::SignedDuration::from_hours(hours)).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_lies_ahead() {
        let now: Timestamp = "2026-03-23T00:00:00Z".parse().unwrap();
        assert_eq!(ahead("3d", now), "2026-03-26T00:00:00Z".parse().map_err(|_| String::new()));
        assert_eq!(ahead("2026-04-01", now), "2026-04-01T00:00:00Z".parse().map_err(|_| String::new()));
        assert!(ahead("soon", now).is_err() && ahead("99999999999999d", now).is_err());
    }
}
