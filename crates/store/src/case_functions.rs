//! What SQL can ask about cases: `case_key(type, source_ip, source_port, source_fqdn, source_url, malware, identifier, extra)` is what an
//! event is about, `case_place(type, source_ip, source_port, source_fqdn, source_url)` the same without its name, `neighbourhood(ip)` the
//! network in which one sensor sees alike. What they mean is decided in [`casework::correlate::key`].

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type};
use casework::correlate::key::{CaseKey, Seen, neighbourhood};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::prelude::SessionContext;
use formats::rsit::Class;

use crate::functions::{json_text, texts};

/// Makes the functions known to a session.
pub(crate) fn register(session: &SessionContext) {
    for (does, arguments) in [(Does::Key, 8), (Does::Place, 5), (Does::Neighbourhood, 1)] {
        let signature = Signature::any(arguments, Volatility::Immutable);
        session.register_udf(ScalarUDF::new_from_impl(Function { does, signature }));
    }
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Does {
    Key,
    Place,
    Neighbourhood,
}

#[derive(Debug, Eq, Hash, PartialEq)]
struct Function {
    does: Does,
    signature: Signature,
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        match self.does {
            Does::Key => "case_key",
            Does::Place => "case_place",
            Does::Neighbourhood => "neighbourhood",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let mut out = StringViewBuilder::with_capacity(rows);
        if self.does == Does::Neighbourhood {
            for ip in texts(&args.args[0], rows)?.as_string_view() {
                out.append_option(ip.and_then(|ip| neighbourhood(ip.parse().ok()?)).map(|network| network.to_string()));
            }
            return Ok(ColumnarValue::Array(Arc::new(out.finish())));
        }
        // The third is the port, all others are texts.
        let port = cast(&args.args[2].to_array(rows)?, &DataType::Int32)?;
        let port = port.as_primitive::<Int32Type>();
        let columns: Vec<ArrayRef> =
            args.args.iter().enumerate().filter(|(at, _)| *at != 2).map(|(_, a)| texts(a, rows)).collect::<Result<_>>()?;
        let text = |column: usize, row: usize| {
            let column = columns.get(column)?.as_string_view();
            column.is_valid(row).then(|| column.value(row))
        };
        let mut last: Option<(&str, Class)> = None;
        for row in 0..rows {
            let Some(type_) = text(0, row) else {
                out.append_null();
                continue;
            };
            // Most rows have the class of the row before.
            let class = match last {
                Some((known, class)) if known == type_ => Some(class),
                _ => Class::of(type_),
            };
            let Some(class) = class else {
                out.append_null();
                continue;
            };
            last = Some((type_, class));
            let campaign = text(6, row).filter(|extra| extra.contains("\"campaign\"")).and_then(|extra| json_text(extra, "campaign"));
            let seen = Seen {
                class,
                ip: text(1, row).and_then(|ip| ip.parse().ok()),
                port: port.is_valid(row).then(|| port.value(row)).and_then(|port| u16::try_from(port).ok()),
                fqdn: text(2, row),
                url: text(3, row),
                malware: text(4, row),
                identifier: text(5, row),
                campaign: campaign.as_deref(),
            };
            out.append_option(match self.does {
                Does::Key => CaseKey::of(&seen).map(|key| key.to_string()),
                Does::Place | Does::Neighbourhood => CaseKey::of_place(&seen).map(|key| key.place()),
            });
        }
        Ok(ColumnarValue::Array(Arc::new(out.finish())))
    }
}
