//! What SQL can do with addresses: `in_network(ip, '203.0.113.0/24')`, `network(ip, 24)`, `registered_domain(name)`; and with what
//! has no column: `json_text(extra, 'source.geolocation.city')`.
//!
//! Addresses are text, and a network is not one range of texts; but it lies within one. A comparison with a constant
//! network is therefore also written as that range, which prunes files and pages before a single address is parsed.

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanBuilder, FixedSizeBinaryArray, StringViewBuilder, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::execution::FunctionRegistry as _;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::preimage::PreimageResult;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};
use datafusion::prelude::SessionContext;
use formats::value::{self, Network};

/// Makes the functions known to a session.
pub(crate) fn register(session: &SessionContext) {
    for does in [Does::InNetwork, Does::Network, Does::RegisteredDomain, Does::JsonText] {
        session.register_udf(udf(does));
    }
    crate::case_functions::register(session);
    if let Ok(general) = session.udf("date_trunc") {
        session.register_udf(ScalarUDF::new_from_impl(DateTrunc { general }));
    }
}

/// Shows the 16 bytes of an identity as 32 hexadecimal digits.
pub(crate) fn id_text() -> ScalarUDF {
    udf(Does::IdText)
}

/// The bytes of an identity as it is shown; `None` for what no identity is shown as.
fn id_bytes(text: &str) -> Option<[u8; 16]> {
    let digits = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    digits.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(u128::to_be_bytes)
}

fn udf(does: Does) -> ScalarUDF {
    let signature = match does {
        Does::InNetwork | Does::InNetworkChecked | Does::JsonText => Signature::string(2, Volatility::Immutable),
        Does::Network => Signature::any(2, Volatility::Immutable),
        Does::RegisteredDomain => Signature::string(1, Volatility::Immutable),
        Does::IdText => Signature::exact(vec![DataType::FixedSizeBinary(16)], Volatility::Immutable),
    };
    ScalarUDF::new_from_impl(Function { does, signature })
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Does {
    InNetwork,
    /// As `InNetwork`, after the range of texts was put beside it.
    InNetworkChecked,
    Network,
    RegisteredDomain,
    /// The value of a key of a JSON object, as text.
    JsonText,
    IdText,
}

#[derive(Debug, Eq, Hash, PartialEq)]
struct Function {
    does: Does,
    signature: Signature,
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        match self.does {
            Does::InNetwork => "in_network",
            Does::InNetworkChecked => "in_network_checked",
            Does::Network => "network",
            Does::RegisteredDomain => "registered_domain",
            Does::JsonText => "json_text",
            Does::IdText => "id_text",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.does {
            Does::InNetwork | Does::InNetworkChecked => DataType::Boolean,
            Does::Network | Does::RegisteredDomain | Does::JsonText | Does::IdText => DataType::Utf8View,
        })
    }

    fn simplify(&self, args: Vec<Expr>, context: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let (Does::InNetwork, [ip, Expr::Literal(text, _)]) = (self.does, &args[..]) else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        let Some(Some(text)) = text.try_as_str() else { return Ok(ExprSimplifyResult::Original(args)) };
        let network = parse_network(text)?;
        let checked = udf(Does::InNetworkChecked).call(args.clone());
        Ok(ExprSimplifyResult::Simplified(match text_range(network) {
            Some((low, high)) => {
                // Types were made equal before this; the engine does not look again.
                let kind = context.get_data_type(ip)?;
                let bound = |text: String| ScalarValue::Utf8(Some(text)).cast_to(&kind).map(lit);
                ip.clone().gt_eq(bound(low)?).and(ip.clone().lt(bound(high)?)).and(checked)
            }
            None => checked,
        }))
    }

    /// Identities compare as their texts do, so a comparison with a text is one with 16 bytes; no text is made for it.
    fn preimage(&self, args: &[Expr], text: &Expr, _: &SimplifyContext) -> Result<PreimageResult> {
        let (Does::IdText, [id], Expr::Literal(text, _)) = (self.does, args, text) else { return Ok(PreimageResult::None) };
        let bytes = text.try_as_str().flatten().and_then(id_bytes);
        let Some((id_is, next)) = bytes.and_then(|bytes| Some((bytes, u128::from_be_bytes(bytes).checked_add(1)?))) else {
            return Ok(PreimageResult::None);
        };
        let value = |bytes: [u8; 16]| ScalarValue::FixedSizeBinary(16, Some(bytes.to_vec()));
        let interval = Box::new(Interval::try_new(value(id_is), value(next.to_be_bytes()))?);
        Ok(PreimageResult::Range { expr: id.clone(), interval })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let all_constant = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let answer: ArrayRef = match self.does {
            Does::InNetwork | Does::InNetworkChecked => in_network(&args.args, rows)?,
            Does::Network => network(&args.args, rows)?,
            Does::RegisteredDomain => {
                let names = texts(&args.args[0], rows)?;
                let mut out = StringViewBuilder::with_capacity(rows);
                names.as_string_view().iter().for_each(|name| out.append_option(name.and_then(casework::enrich::registered_domain)));
                Arc::new(out.finish())
            }
            Does::JsonText => {
                let (objects, keys) = (texts(&args.args[0], rows)?, texts(&args.args[1], rows)?);
                let mut out = StringViewBuilder::with_capacity(rows);
                for (object, key) in objects.as_string_view().iter().zip(keys.as_string_view()) {
                    out.append_option(object.zip(key).and_then(|(object, key)| json_text(object, key)));
                }
                Arc::new(out.finish())
            }
            Does::IdText => {
                let ids = args.args[0].to_array(rows)?;
                let Some(ids) = ids.as_any().downcast_ref::<FixedSizeBinaryArray>() else {
                    return exec_err!("id is not 16 bytes wide");
                };
                let mut out = StringViewBuilder::with_capacity(rows);
                let mut text = [0_u8; 32];
                for id in ids.iter() {
                    out.append_option(id.and_then(|id| hex(id, &mut text)));
                }
                Arc::new(out.finish())
            }
        };
        if all_constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&answer, 0)?));
        }
        Ok(ColumnarValue::Array(answer))
    }
}

/// `date_trunc` as the engine has it, but for times in UTC by plain arithmetic: the general road asks a calendar for
/// every row, which made a month by day ten times slower than anything else in the same question.
#[derive(Debug, Eq, Hash, PartialEq)]
struct DateTrunc {
    general: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for DateTrunc {
    fn name(&self) -> &str {
        self.general.name()
    }

    fn aliases(&self) -> &[String] {
        self.general.aliases()
    }

    fn signature(&self) -> &Signature {
        self.general.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.general.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.general.return_field_from_args(args)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.general.coerce_types(types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if let [ColumnarValue::Scalar(unit), ColumnarValue::Array(times)] = &args.args[..]
            && let Some(step) = unit.try_as_str().flatten().and_then(step)
            && let DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) = times.data_type()
            && matches!(&**zone, "UTC" | "+00:00" | "Z")
        {
            let times = times.as_primitive::<TimestampMicrosecondType>();
            let zone = Arc::clone(zone);
            let cut = step.cut(times);
            return Ok(ColumnarValue::Array(Arc::new(cut.with_timezone(zone))));
        }
        self.general.inner().invoke_with_args(args)
    }
}

/// A unit of constant length.
#[derive(Clone, Copy)]
enum Step {
    Second,
    Minute,
    Hour,
    Day,
    Week,
}

fn step(unit: &str) -> Option<Step> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "second" => Step::Second,
        "minute" => Step::Minute,
        "hour" => Step::Hour,
        "day" => Step::Day,
        "week" => Step::Week,
        _ => return None,
    })
}

impl Step {
    fn cut(self, times: &TimestampMicrosecondArray) -> TimestampMicrosecondArray {
        const SECOND: i64 = 1_000_000;
        const DAY: i64 = 86_400 * SECOND;
        match self {
            Self::Second => cut::<SECOND, 0>(times),
            Self::Minute => cut::<{ 60 * SECOND }, 0>(times),
            Self::Hour => cut::<{ 3600 * SECOND }, 0>(times),
            Self::Day => cut::<DAY, 0>(times),
            // 1970 began on a Thursday; weeks begin on Mondays (ISO 8601).
            Self::Week => cut::<{ 7 * DAY }, { 4 * DAY }>(times),
        }
    }
}

/// The length is known when this is compiled: dividing by it is a multiplication then, several times faster.
fn cut<const LENGTH: i64, const OFFSET: i64>(times: &TimestampMicrosecondArray) -> TimestampMicrosecondArray {
    times.unary(|time| time - (time - OFFSET).rem_euclid(LENGTH))
}

fn hex<'t>(id: &[u8], text: &'t mut [u8; 32]) -> Option<&'t str> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in text.chunks_exact_mut(2).zip(id) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    std::str::from_utf8(text).ok()
}

/// The value of `key` in a JSON object: text as it is, anything else as JSON.
pub(crate) fn json_text(object: &str, key: &str) -> Option<String> {
    // Most objects do not hold most keys: look before reading.
    if !object.contains(key) {
        return None;
    }
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(object).ok()?;
    match object.get(key)? {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn parse_network(text: &str) -> Result<Network> {
    match value::network(text) {
        Some(network) => Ok(network),
        None => exec_err!("in_network: {text:?} is not a network such as '203.0.113.0/24'"),
    }
}

pub(crate) fn texts(value: &ColumnarValue, rows: usize) -> Result<ArrayRef> {
    Ok(cast(&value.to_array(rows)?, &DataType::Utf8View)?)
}

fn in_network(args: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
    let ips = texts(&args[0], rows)?;
    let mut out = BooleanBuilder::with_capacity(rows);
    if let ColumnarValue::Scalar(constant) = &args[1] {
        let Some(Some(text)) = constant.try_as_str() else {
            out.append_nulls(rows);
            return Ok(Arc::new(out.finish()));
        };
        let network = parse_network(text)?;
        ips.as_string_view().iter().for_each(|ip| out.append_option(ip.map(|ip| value::ip(ip).is_some_and(|ip| network.contains(ip)))));
    } else {
        let networks = texts(&args[1], rows)?;
        for (ip, network) in ips.as_string_view().iter().zip(networks.as_string_view()) {
            out.append_option(
                ip.zip(network)
                    .map(|(ip, network)| value::ip(ip).zip(value::network(network)).is_some_and(|(ip, network)| network.contains(ip))),
            );
        }
    }
    Ok(Arc::new(out.finish()))
}

fn network(args: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
    let ips = texts(&args[0], rows)?;
    let lengths = cast(&args[1].to_array(rows)?, &DataType::Int64)?;
    let lengths = lengths.as_primitive::<arrow::datatypes::Int64Type>();
    let mut out = StringViewBuilder::with_capacity(rows);
    for (ip, length) in ips.as_string_view().iter().zip(lengths) {
        let found = ip.and_then(value::ip).zip(length.and_then(|n| u8::try_from(n).ok())).and_then(|(ip, n)| Network::new(ip, n));
        out.append_option(found.map(|n| n.to_string()));
    }
    Ok(Arc::new(out.finish()))
}

/// Texts `low <= t < high` between which the text of every address of the network lies; `None` when there is no useful range.
pub(crate) fn text_range(network: Network) -> Option<(String, String)> {
    let length = usize::from(network.length());
    match network.address() {
        IpAddr::V4(v4) => {
            let octets = v4.octets();
            let whole = length / 8;
            let mut prefix = String::new();
            for octet in &octets[..whole] {
                prefix.push_str(&format!("{octet}."));
            }
            if whole == 4 {
                prefix.pop();
                return Some((prefix.clone(), format!("{prefix}\0")));
            }
            let hosts = 8 - length % 8;
            if hosts == 8 {
                // Everything that starts with the prefix: `/` follows `.` in ASCII.
                let high = format!("{}/", prefix.strip_suffix('.')?);
                return Some((prefix, high));
            }
            let end = if whole == 3 { "" } else { "." };
            let first = u16::from(octets[whole]);
            let values = (first..first + (1 << hosts)).map(|value| format!("{prefix}{value}{end}"));
            let (low, high) = (values.clone().min()?, values.max()?);
            Some((low, if whole == 3 { format!("{high}\0") } else { format!("{}/", high.strip_suffix('.')?) }))
        }
        IpAddr::V6(v6) => {
            // Zero groups may be written as `::`, so only a prefix without them is one text.
            let whole = length / 16;
            let groups = v6.segments();
            if whole == 0 || whole == 8 || groups[..whole].contains(&0) {
                return None;
            }
            let prefix: String = groups[..whole].iter().map(|g| format!("{g:x}:")).collect();
            let high = format!("{};", prefix.strip_suffix(':')?);
            Some((prefix, high))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    #[test]
    fn every_address_of_a_network_lies_in_its_range_of_texts() {
        let mut state = 7_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u128::from(state >> 11) << 75 ^ u128::from(state)
        };
        for _ in 0..200_000 {
            let (bits, more) = (random(), random());
            let length = (bits % 33) as u8;
            let network = Network::new(IpAddr::V4(Ipv4Addr::from_bits(bits as u32)), length).unwrap();
            let mask = u32::MAX.checked_shr(u32::from(length)).unwrap_or(0);
            let IpAddr::V4(base) = network.address() else { panic!() };
            check(network, IpAddr::V4(Ipv4Addr::from_bits(base.to_bits() | (more as u32 & mask))));
            let length = (more % 129) as u8;
            let network = Network::new(IpAddr::V6(Ipv6Addr::from_bits(bits)), length).unwrap();
            let mask = u128::MAX.checked_shr(u32::from(length)).unwrap_or(0);
            let IpAddr::V6(base) = network.address() else { panic!() };
            check(network, IpAddr::V6(Ipv6Addr::from_bits(base.to_bits() | (more & mask))));
        }
    }

    fn check(network: Network, ip: IpAddr) {
        assert!(network.contains(ip));
        if let Some((low, high)) = text_range(network) {
            let text = ip.to_string();
            assert!(low <= text && text < high, "{text} of {network} is not in {low}..{high}");
        }
    }
}
