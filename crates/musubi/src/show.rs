//! How answers look: tables that fit the terminal, JSON for scripts, CSV and Parquet for other programs.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::arrow::{csv, json};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// A form of output.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Columns as wide as their content, cut to the terminal.
    Table,
    /// RFC 4180 with a header.
    Csv,
    /// One object a line.
    Json,
    /// Apache Parquet (zstd).
    Parquet,
}

/// Columns of the terminal; without one, lines are as long as they need to be.
pub(crate) fn width() -> usize {
    if !io::stdout().is_terminal() {
        return usize::MAX;
    }
    terminal_size::terminal_size().map_or(100, |(w, _)| usize::from(w.0)).max(40)
}

/// The terminal understands more than ASCII, as far as one can tell.
pub(crate) fn unicode() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    locale.is_none_or(|l| l.to_ascii_lowercase().contains("utf"))
}

/// Writes batches of rows in one of the forms, as they come.
pub(crate) struct Rows {
    form: Form,
    rows: u64,
}

enum Form {
    Table { out: io::BufWriter<io::Stdout>, widths: Option<Vec<usize>>, total: usize },
    Csv(Box<csv::Writer<Box<dyn Write>>>),
    Json(json::LineDelimitedWriter<Box<dyn Write>>),
    Parquet(Box<parquet::arrow::ArrowWriter<Box<dyn Write + Send>>>),
}

impl Rows {
    /// Writes to a file, or to standard output.
    pub(crate) fn new(format: Format, to: Option<&PathBuf>, schema: &SchemaRef) -> Result<Self> {
        let open = || -> Result<Box<dyn Write + Send>> {
            Ok(match to {
                Some(path) => Box::new(io::BufWriter::new(File::create(path).with_context(|| path.display().to_string())?)),
                None => Box::new(io::BufWriter::with_capacity(1 << 16, io::stdout())),
            })
        };
        let form = match format {
            Format::Table if to.is_none() => Form::Table { out: io::BufWriter::new(io::stdout()), widths: None, total: width() },
            Format::Table | Format::Csv => {
                Form::Csv(Box::new(csv::WriterBuilder::new().with_timestamp_tz_format("%Y-%m-%dT%H:%M:%SZ".into()).build(open()?)))
            }
            Format::Json => Form::Json(json::LineDelimitedWriter::new(open()?)),
            Format::Parquet => {
                anyhow::ensure!(to.is_some() || !io::stdout().is_terminal(), "Parquet is not for the terminal: name a file with --output");
                let properties = parquet::file::properties::WriterProperties::builder()
                    .set_compression(parquet::basic::Compression::ZSTD(parquet::basic::ZstdLevel::try_new(3)?))
                    .build();
                Form::Parquet(Box::new(parquet::arrow::ArrowWriter::try_new(open()?, SchemaRef::clone(schema), Some(properties))?))
            }
        };
        Ok(Self { form, rows: 0 })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        match &mut self.form {
            Form::Csv(writer) => writer.write(batch)?,
            Form::Json(writer) => writer.write(batch)?,
            Form::Parquet(writer) => writer.write(batch)?,
            Form::Table { out, widths, total } => {
                let names: Vec<String> = batch.schema().fields().iter().map(|f| f.name().clone()).collect();
                let rows = texts(batch)?;
                let first = widths.is_none();
                let widths = widths.get_or_insert_with(|| fit(&names, &rows, *total));
                if first {
                    writeln!(out, "{}", line(&names, widths, &right(batch), ' '))?;
                    let rule = if unicode() { '─' } else { '-' };
                    writeln!(out, "{}", widths.iter().map(|w| rule.to_string().repeat(*w)).collect::<Vec<_>>().join("  "))?;
                }
                let right = right(batch);
                for row in rows {
                    writeln!(out, "{}", line(&row, widths, &right, ' '))?;
                }
            }
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<u64> {
        match self.form {
            Form::Csv(writer) => writer.into_inner().flush()?,
            Form::Json(mut writer) => {
                writer.finish()?;
                writer.into_inner().flush()?;
            }
            Form::Parquet(writer) => writer.into_inner()?.flush()?,
            Form::Table { mut out, .. } => {
                if self.rows == 0 {
                    writeln!(out, "(no rows)")?;
                }
                out.flush()?;
            }
        }
        Ok(self.rows)
    }
}

/// Cells as text, null as nothing.
fn texts(batch: &RecordBatch) -> Result<Vec<Vec<String>>> {
    let options = FormatOptions::default().with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%SZ"));
    let columns: Vec<ArrayFormatter<'_>> =
        batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options)).collect::<Result<_, _>>()?;
    Ok((0..batch.num_rows())
        .map(|row| columns.iter().map(|c| c.value(row).to_string().replace(['\n', '\r', '\t'], " ")).collect())
        .collect())
}

fn right(batch: &RecordBatch) -> Vec<bool> {
    batch.schema().fields().iter().map(|f| f.data_type().is_numeric()).collect()
}

/// A table of texts, for answers that do not come from SQL.
pub(crate) fn table(names: &[&str], rows: &[Vec<String>], right: &[usize]) -> String {
    let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    let widths = fit(&names, rows, width());
    let aligned: Vec<bool> = (0..names.len()).map(|at| right.contains(&at)).collect();
    let rule = if unicode() { '─' } else { '-' };
    let mut out = line(&names, &widths, &aligned, ' ') + "\n";
    out += &(widths.iter().map(|w| rule.to_string().repeat(*w)).collect::<Vec<_>>().join("  ") + "\n");
    for row in rows {
        out += &(line(row, &widths, &aligned, ' ') + "\n");
    }
    out
}

/// Widths of columns: as wide as the content when there is room, else the widest give way first.
fn fit(names: &[String], rows: &[Vec<String>], total: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = names.iter().map(|n| n.width()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    if total == usize::MAX {
        return widths;
    }
    let room = total.saturating_sub(2 * widths.len().saturating_sub(1));
    const NARROW: usize = 8;
    while widths.iter().sum::<usize>() > room {
        let Some(widest) = widths.iter_mut().max().filter(|w| **w > NARROW) else { break };
        *widest -= 1;
    }
    widths
}

fn line(cells: &[String], widths: &[usize], right: &[bool], fill: char) -> String {
    let mut out = String::new();
    for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
        if at > 0 {
            out.push_str("  ");
        }
        let cell = cut(cell, *width);
        let pad: String = std::iter::repeat_n(fill, width.saturating_sub(cell.width())).collect();
        if right.get(at).copied().unwrap_or(false) {
            out.push_str(&pad);
            out.push_str(&cell);
        } else {
            out.push_str(&cell);
            out.push_str(&pad);
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// The text, or as much of it as fits with `…` at the end.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let w = c.width().unwrap_or(0);
        if used + w + 1 > width {
            break;
        }
        out.push(c);
        used += w;
    }
    out.push('…');
    out
}

/// 1234567 as `1,234,567`.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, c) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Bytes as hexadecimal digits in lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes in a unit people read.
pub(crate) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 1000.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

/// An error and its causes in one line. Many errors quote their cause already; it is not said twice.
pub(crate) fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Prints a line; a reader who has gone away is no error.
pub(crate) fn say(text: impl AsRef<str>) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_ref().as_bytes())?;
    out.write_all(b"\n")?;
    Ok(())
}

/// Prints bytes as they are.
pub(crate) fn raw(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(())
}

/// Counts what is done on standard error, where that is a terminal.
pub(crate) fn spinner(what: &'static str) -> indicatif::ProgressBar {
    if !io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let bar = indicatif::ProgressBar::new_spinner();
    let style = indicatif::ProgressStyle::with_template("{spinner} {human_pos} {msg} ({elapsed})");
    style.map_or(bar.clone(), |style| bar.with_style(style)).with_message(what)
}

/// Prints JSON, in one line.
pub(crate) fn json(value: &serde_json::Value) -> Result<()> {
    say(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sizes_are_readable() {
        assert_eq!((grouped(1_234_567).as_str(), grouped(12).as_str()), ("1,234,567", "12"));
        assert_eq!((size(999).as_str(), size(1_500_000).as_str()), ("999 B", "1.5 MB"));
    }

    #[test]
    fn a_cause_is_said_once() {
        let error = anyhow::anyhow!("disk is full").context("register: disk is full").context("report.csv");
        assert_eq!(told(&error), "report.csv: register: disk is full");
    }

    #[test]
    fn a_wide_column_gives_way_to_narrow_ones() {
        let names = ["a".to_owned(), "b".to_owned()];
        let rows = vec![vec!["x".repeat(100), "192.0.2.1".to_owned()]];
        let widths = fit(&names, &rows, 40);
        assert_eq!(widths, [29, 9]);
        assert_eq!(cut("あいうえお", 5), "あい…");
    }
}
