//! What is told of the server itself: counters and durations for Prometheus, a line in the log for each request, and traces for an
//! OpenTelemetry collector (OTLP over HTTP as JSON). None of it holds a query, a body or a secret: routes are told by their pattern.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use reqwest::Url;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Peer, Server};
use crate::chance;
use crate::pipeline;

/// Upper bounds of durations, in seconds.
const BOUNDS: [f64; 10] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];
/// Spans that wait to be sent; more are dropped and counted.
const WAITING: usize = 4096;
const TOGETHER: usize = 512;

/// Answers of one route with one status.
#[derive(Clone, Debug, Default)]
struct Series {
    buckets: [u64; BOUNDS.len()],
    count: u64,
    seconds: f64,
}

/// Everything that is measured.
#[derive(Debug)]
pub(crate) struct Telemetry {
    requests: Mutex<BTreeMap<(String, String, u16), Series>>,
    spans: Option<mpsc::Sender<Value>>,
    dropped: std::sync::atomic::AtomicU64,
}

impl Telemetry {
    /// Sends spans to a collector where one is named.
    ///
    /// # Errors
    /// When its address is none.
    pub(crate) fn new(otlp: Option<&str>) -> Result<Self> {
        let spans = match otlp {
            Some(text) => Some(collector(text)?),
            None => None,
        };
        Ok(Self { requests: Mutex::default(), spans, dropped: std::sync::atomic::AtomicU64::new(0) })
    }

    fn count(&self, method: &str, route: &str, status: u16, took: Duration) {
        let mut all = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let series = all.entry((method.to_owned(), route.to_owned(), status)).or_default();
        let seconds = took.as_secs_f64();
        for (bucket, bound) in series.buckets.iter_mut().zip(BOUNDS) {
            *bucket += u64::from(seconds <= bound);
        }
        series.count += 1;
        series.seconds += seconds;
    }

    fn write(&self, out: &mut String) {
        let all = self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        out.push_str(
            "# HELP musubi_http_request_seconds Time until the head of an answer.\n# TYPE musubi_http_request_seconds histogram\n",
        );
        for ((method, route, status), series) in all {
            let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
            for (bucket, bound) in series.buckets.iter().zip(BOUNDS) {
                let _ = writeln!(out, "musubi_http_request_seconds_bucket{{{labels},le=\"{bound}\"}} {bucket}");
            }
            let _ = writeln!(out, "musubi_http_request_seconds_bucket{{{labels},le=\"+Inf\"}} {}", series.count);
            let _ = writeln!(out, "musubi_http_request_seconds_sum{{{labels}}} {}", series.seconds);
            let _ = writeln!(out, "musubi_http_request_seconds_count{{{labels}}} {}", series.count);
        }
    }
}

/// A name of few characters for a method: those that nobody knows are one.
fn method_of(request: &Request) -> &'static str {
    match request.method().as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// Measures every request. Its id goes into the log and back to whoever asked.
pub(crate) async fn watch(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let began_at = pipeline::now();
    let method = method_of(&request);
    // What was asked for may be anything; the pattern is one of ours.
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let parent = parent(request.headers());
    let (trace, span) = (parent.map_or_else(|| chance::uuid().as_u128(), |(trace, _)| trace), chance::number().max(1));
    let id = format!("{span:016x}");
    let mut response = next.run(request).await;
    let took = began.elapsed();
    let status = response.status().as_u16();
    server.telemetry.count(method, &route, status, took);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    let (trace_id, milliseconds) = (format!("{trace:032x}"), took.as_secs_f64() * 1000.0);
    tracing::info!(target: "musubi::request", request_id = %id, %trace_id, method, %route, status, milliseconds, "{method} {route} answered {status}");
    if let Some(spans) = &server.telemetry.spans {
        let end = began_at.as_nanosecond() + i128::try_from(took.as_nanos()).unwrap_or(0);
        let mut span = json!({
            "traceId": format!("{trace:032x}"), "spanId": id, "name": format!("{method} {route}"), "kind": 2,
            "startTimeUnixNano": began_at.as_nanosecond().to_string(), "endTimeUnixNano": end.to_string(),
            "attributes": [
                {"key": "http.request.method", "value": {"stringValue": method}},
                {"key": "http.route", "value": {"stringValue": route}},
                {"key": "http.response.status_code", "value": {"intValue": status.to_string()}},
            ],
            "status": {"code": if status >= 500 { 2 } else { 0 }},
        });
        if let Some((_, parent)) = parent {
            span["parentSpanId"] = format!("{parent:016x}").into();
        }
        if spans.try_send(span).is_err() {
            server.telemetry.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
    response
}

/// Trace and span of whoever asks (W3C Trace Context §3.2).
fn parent(headers: &HeaderMap) -> Option<(u128, u64)> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = text.split('-');
    let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    if version.len() != 2 || version == "ff" || trace.len() != 32 || span.len() != 16 {
        return None;
    }
    let hexadecimal = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let both = hexadecimal(trace) && hexadecimal(span);
    let (trace, span) = (u128::from_str_radix(trace, 16).ok()?, u64::from_str_radix(span, 16).ok()?);
    (both && trace != 0 && span != 0).then_some((trace, span))
}

/// Sends spans in batches until the server ends.
fn collector(text: &str) -> Result<mpsc::Sender<Value>> {
    let mut url = Url::parse(text).with_context(|| format!("[serve] otlp: {text:?} is no address"))?;
    if !matches!(url.scheme(), "http" | "https") {
        bail!("[serve] otlp: {text:?} is not http or https");
    }
    if !url.path().ends_with("/v1/traces") {
        url.set_path(&format!("{}/v1/traces", url.path().trim_end_matches('/')));
    }
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).no_proxy().build()?;
    let (spans, mut waiting) = mpsc::channel::<Value>(WAITING);
    tokio::spawn(async move {
        let mut failing = false;
        while let Some(first) = waiting.recv().await {
            let mut batch = vec![first];
            // A moment, so that others come along.
            tokio::time::sleep(Duration::from_millis(500)).await;
            while batch.len() < TOGETHER {
                match waiting.try_recv() {
                    Ok(span) => batch.push(span),
                    Err(_) => break,
                }
            }
            let body = json!({"resourceSpans": [{
                "resource": {"attributes": [
                    {"key": "service.name", "value": {"stringValue": "musubi"}},
                    {"key": "service.version", "value": {"stringValue": env!("CARGO_PKG_VERSION")}},
                ]},
                "scopeSpans": [{"scope": {"name": "musubi"}, "spans": batch}],
            }]});
            let sent = client.post(url.clone()).json(&body).send().await.and_then(reqwest::Response::error_for_status);
            // Said once, not with each batch.
            if let (Err(error), false) = (&sent, failing) {
                tracing::warn!("traces cannot be sent: {error}");
            }
            failing = sent.is_err();
        }
    });
    Ok(spans)
}

/// `GET /metrics`: as Prometheus reads it (text format 0.0.4), for this machine only.
pub(crate) async fn metrics(State(server): State<Arc<Server>>, request: Request) -> Response {
    if !request.extensions().get::<Peer>().is_some_and(|peer| peer.address.is_loopback()) {
        return (StatusCode::FORBIDDEN, "metrics are told on this machine only\n").into_response();
    }
    match told(&server).await {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("the register cannot be read: {error:#}\n")).into_response(),
    }
}

async fn told(server: &Server) -> Result<String> {
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let counters = &server.counters;
    let mut out = String::new();
    let mut tell = |name: &str, kind: &str, help: &str, value: u64| {
        let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
    };
    tell("musubi_requests_total", "counter", "Requests of TAXII and MISP answered.", count(&counters.requests));
    tell("musubi_requests_refused_total", "counter", "Of those, answered with an error.", count(&counters.refused));
    tell("musubi_objects_given_total", "counter", "Objects given to parties.", count(&counters.objects_given));
    tell("musubi_objects_taken_total", "counter", "Objects taken from parties.", count(&counters.objects_taken));
    tell("musubi_spans_dropped_total", "counter", "Spans that the collector was too slow for.", count(&server.telemetry.dropped));
    let segments = server.register.segments().await?;
    let rows: i64 = segments.iter().map(|segment| segment.row_count).sum();
    let bytes: i64 = segments.iter().map(|segment| segment.size_bytes).sum();
    tell("musubi_events", "gauge", "Events that are remembered.", rows.unsigned_abs());
    tell("musubi_segments", "gauge", "Segments that hold them.", segments.len() as u64);
    tell("musubi_segment_bytes", "gauge", "Bytes of the segments.", bytes.unsigned_abs());
    tell("musubi_evidence", "gauge", "Evidence that was read.", server.register.evidence_count(i64::MIN).await?.unsigned_abs());
    tell("musubi_indicators", "gauge", "Indicators.", server.register.indicator_count().await?.unsigned_abs());
    let last = server.register.releases_before(None, None, 1).await?;
    tell("musubi_releases", "gauge", "Leaves in the log of releases.", last.first().map_or(0, |last| last.number + 1));
    let uploads: BTreeMap<String, i64> = server.register.uploads_under_way().await?.into_iter().collect();
    let of = |state: &str| uploads.get(state).copied().unwrap_or(0).unsigned_abs();
    tell("musubi_uploads_open", "gauge", "Uploads that are not whole.", of("open"));
    tell("musubi_uploads_waiting", "gauge", "Uploads that wait to be read.", of("waiting"));
    tell("musubi_uploads_reading", "gauge", "Uploads that are being read.", of("reading"));
    tell(
        "musubi_webhook_calls_waiting",
        "gauge",
        "Calls to webhooks that are not over.",
        server.register.calls_under_way().await?.unsigned_abs(),
    );
    tell("musubi_questions_free", "gauge", "Questions about events that could begin at once.", server.questions.available_permits() as u64);
    tell("musubi_streams_free", "gauge", "Clients that could still be pushed to.", server.streams.available_permits() as u64);
    tell("musubi_body_kibibytes_free", "gauge", "Memory for bodies that is left.", server.bodies.available_permits() as u64);
    server.telemetry.write(&mut out);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_goes_on_where_whoever_asks_began_it() {
        let with = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", HeaderValue::from_static(text));
            parent(&headers)
        };
        let good = with("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        assert_eq!(good, Some((0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7)));
        for bad in [
            "",
            "00-0-0-0",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(with(bad), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn durations_fall_into_every_bucket_above_them() {
        let telemetry = Telemetry::new(None).unwrap();
        telemetry.count("GET", "/", 200, Duration::from_millis(7));
        telemetry.count("GET", "/", 200, Duration::from_secs(60));
        let mut text = String::new();
        telemetry.write(&mut text);
        for (bound, count) in [("0.005", 0), ("0.01", 1), ("30", 1), ("+Inf", 2)] {
            assert!(text.contains(&format!("status=\"200\",le=\"{bound}\"}} {count}\n")), "{text}");
        }
        assert!(Telemetry::new(Some("ftp://x")).is_err());
    }
}
