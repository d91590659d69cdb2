//! What machines and attackers do to the server: does it go on answering everybody else, and give nothing away?

mod story;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use story::server::{Server, Token};
use story::{Home, circle};

fn home(config: &str) -> Home {
    let home = circle::served();
    std::fs::write(home.root().join("config.toml"), config).unwrap();
    home
}

/// Bytes as they are; what comes back until the other end closes or nothing more comes for a while.
fn raw(address: SocketAddr, bytes: &[u8], patience: Duration) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(patience)).unwrap();
    let _ = stream.write_all(bytes);
    let (mut all, mut part) = (Vec::new(), [0; 16384]);
    while let Ok(count) = stream.read(&mut part) {
        if count == 0 {
            break;
        }
        all.extend_from_slice(&part[..count]);
    }
    all
}

fn statuses(answer: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(answer);
    text.match_indices("HTTP/1.1 ").filter_map(|(at, _)| text[at + 9..].get(..3)?.parse().ok()).collect()
}

fn is_well(server: &Server) {
    let began = Instant::now();
    let answer = server.request("GET", "/healthz", &[], b"");
    assert_eq!(answer.status, 200);
    assert!(began.elapsed() < Duration::from_secs(20), "others had to wait");
}

#[test]
fn slow_clients_are_let_go_and_hold_nobody_up() {
    let home = home("[serve]\nconnections = 300\n");
    let server = Server::start(&home);
    // Heads that never end, a byte now and then.
    let mut slow: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    for stream in &mut slow {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").unwrap();
    }
    is_well(&server);
    let began = Instant::now();
    let mut open = slow.len();
    while open > 0 && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_secs(1));
        open = 0;
        for stream in &mut slow {
            let _ = stream.write_all(b"X-A: b\r\n");
            stream.set_nonblocking(true).unwrap();
            let mut part = [0; 256];
            match stream.read(&mut part) {
                Ok(0) => {}
                Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => {}
                _ => open += 1,
            }
            stream.set_nonblocking(false).unwrap();
        }
    }
    assert_eq!(open, 0, "a head may take fifteen seconds");
    is_well(&server);
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for_for_ever() {
    let home = home("");
    let server = Server::start(&home);
    let us = Token::create(&home, "us", "manager");
    // Bodies that are announced and do not come: one a second would keep a server without limits busy for a day.
    let streams: Vec<TcpStream> = (0..50)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address).unwrap();
            let head = format!(
                "POST /api/v1/evidence HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 90000\r\n\r\nabc",
                us.token
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    is_well(&server);
    for mut stream in streams.into_iter().take(3) {
        stream.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert_eq!(statuses(&answer).first(), Some(&408), "{}", String::from_utf8_lossy(&answer));
    }
    // Nothing of them is an upload.
    let bearer = format!("Bearer {}", us.token);
    assert_eq!(server.request("GET", "/api/v1/uploads", &[("Authorization", &bearer)], b"").json()["data"], json!([]));
}

#[test]
fn large_heads_and_bodies_are_refused() {
    let home = home("[serve]\nlargest_upload = 1000000\n");
    let server = Server::start(&home);
    let us = Token::create(&home, "us", "manager");
    let huge = "x".repeat(200_000);
    for bytes in [
        format!("GET / HTTP/1.1\r\nHost: x\r\nX-Huge: {huge}\r\n\r\n"),
        format!("GET /{huge} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", (0..5000).map(|n| format!("X-{n}: y\r\n")).collect::<String>()),
    ] {
        let answer = raw(server.address, bytes.as_bytes(), Duration::from_secs(20));
        assert!(statuses(&answer).iter().all(|status| [400, 414, 431].contains(status)), "{:?}", statuses(&answer));
    }
    let bearer = format!("Bearer {}", us.token);
    let body = vec![b'x'; 1_000_001];
    assert_eq!(server.request("POST", "/api/v1/evidence", &[("Authorization", &bearer)], &body).status, 413);
    let json = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    assert_eq!(server.request("POST", "/api/v1/cases", &json, &vec![b' '; 100_000]).status, 413);
    // A bomb: small on the way, large when unpacked.
    let mut packed = Vec::new();
    let mut encoder = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::best());
    encoder.write_all(&vec![b' '; 50_000_000]).unwrap();
    encoder.finish().unwrap();
    let headers = [json[0], json[1], ("Content-Encoding", "gzip")];
    assert_eq!(server.request("POST", "/api/v1/cases", &headers, &packed).status, 413);
    let deep = "[".repeat(50_000);
    assert_eq!(server.request("POST", "/api/v1/cases", &json, deep.as_bytes()).status, 400);
    is_well(&server);
}

/// Kilobytes of memory that a process holds; `None` where the system does not say.
fn resident(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// The other end is still there. What it sent meanwhile is read away.
fn is_open(stream: &mut TcpStream) -> bool {
    let mut part = [0; 1024];
    loop {
        match stream.read(&mut part) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
        }
    }
}

#[test]
fn ten_thousand_idle_connections_hold_nobody_up_and_are_let_go() {
    const WANTED: usize = 10_000;
    // What this process needs besides, and what the server keeps for its files.
    const OTHERS: usize = 700;
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1024);
    let most = WANTED.min(usize::try_from(files).unwrap_or(usize::MAX).saturating_sub(OTHERS));
    if most < WANTED {
        eprintln!("{most} connections are asked for, not {WANTED}: this process may have {files} open files");
    }
    assert!(most >= 300, "{files} open files are too few to ask");
    let home = home(&format!("[serve]\nconnections = {}\n", most + 100));
    // As a service is started: with a soft limit of 1,024, which the server raises for itself.
    let server = Server::start_after(&home, "ulimit -Sn 1024");
    is_well(&server);
    let before = resident(server.id());
    let mut idle = Vec::new();
    for n in 0..most {
        let mut stream = TcpStream::connect(server.address).unwrap_or_else(|error| panic!("connection {n}: {error}"));
        match n % 20 {
            // The beginning of a head, and of what may become HTTP/2; HTTP/2 that asks nothing; a client that asked once and stays.
            0 => stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").unwrap(),
            1 => stream.write_all(b"PRI * HTTP/2.0\r\n").unwrap(),
            2 => stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap(),
            3 => stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap(),
            _ => {}
        }
        stream.set_nonblocking(true).unwrap();
        idle.push(stream);
        if n % 1000 == 0 {
            is_well(&server);
        }
    }
    is_well(&server);
    assert_eq!(server.request("GET", "/sign-in", &[], b"").status, 200, "a page is made as well");
    if let (Some(before), Some(with)) = (before, resident(server.id())) {
        let each = with.saturating_sub(before) * 1024 / most as u64;
        eprintln!("{most} idle connections: {before} kB without, {with} kB with them, {each} bytes each");
        assert!(each < 40_000, "{each} bytes each");
    }
    let began = Instant::now();
    while !idle.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(300), "{} of {most} were never let go", idle.len());
        std::thread::sleep(Duration::from_secs(1));
        idle.retain_mut(is_open);
    }
    is_well(&server);
}

#[test]
fn beyond_the_cap_connections_are_refused_with_a_word_and_come_back_later() {
    let home = home("[serve]\nconnections = 20\n");
    let server = Server::start(&home);
    let held: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    std::thread::sleep(Duration::from_millis(300));
    // Also when more was sent than anybody reads.
    for body in [String::new(), "x".repeat(100_000)] {
        let head = format!("POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let refused = raw(server.address, head.as_bytes(), Duration::from_secs(5));
        let text = String::from_utf8_lossy(&refused);
        assert_eq!(statuses(&refused), [503], "{text}");
        assert!(
            text.contains("Retry-After: ") && text.contains("Connection: close") && text.ends_with("too many connections here\r\n"),
            "{text}"
        );
        let length: usize = text.split("Content-Length: ").nth(1).unwrap().split("\r\n").next().unwrap().parse().unwrap();
        assert_eq!(text.split("\r\n\r\n").nth(1).unwrap().len(), length);
    }
    // Very many at once get no word, and cost nothing.
    let storm: Vec<TcpStream> = (0..500).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    drop((storm, held));
    std::thread::sleep(Duration::from_millis(500));
    is_well(&server);
}

#[test]
fn tricks_with_paths_lead_nowhere() {
    let home = home("");
    let server = Server::start(&home);
    let us = Token::create(&home, "us", "manager");
    std::fs::write(home.root().join("secret.txt"), "planted-secret").unwrap();
    for path in [
        "/assets/../config.toml",
        "/assets/%2e%2e/secret.txt",
        "/assets/..%2fsecret.txt",
        "/assets/%2e%2e%2fsecret.txt",
        "/assets/..\\secret.txt",
        "/assets//etc/passwd",
        "//etc/passwd",
        "//evil.example/sign-in",
        "/api/v1//events",
        "/API/v1/events",
        "/api/v1/events/",
        "/api/v1/events/%00",
        "/api/v1/events/..%2f..%2fme",
        "/api/v1/uploads/..%2f..%2fsecret.txt",
        "/api/v1/uploads/%2e%2e",
        "/api/v1/evidence/%25",
        "/api/v1/evidence/________",
        "/api/v1/events/%ff%fe",
        "/api/v1/cases/%27%20OR%201=1",
        "/api/v1/indicators/zz",
        "/.git/config",
        "/register.db",
        "/api/v1/lookup/%00",
        "/%c0%ae%c0%ae/secret.txt",
    ] {
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n", us.token);
        let answer = raw(server.address, head.as_bytes(), Duration::from_secs(20));
        let status = statuses(&answer).first().copied().unwrap_or(400);
        assert!([400, 404].contains(&status), "{path}: {status}");
        assert!(!String::from_utf8_lossy(&answer).contains("planted-secret"), "{path}");
    }
    // Bytes that are no path at all.
    for bytes in [
        &b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let answer = raw(server.address, bytes, Duration::from_secs(3));
        assert!(statuses(&answer).iter().all(|status| *status >= 400), "{bytes:?}: {}", String::from_utf8_lossy(&answer));
    }
    is_well(&server);
}

#[test]
fn a_request_is_one_request() {
    let home = home("");
    let server = Server::start(&home);
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    for head in [
        // CL.TE, TE.CL, two lengths, lengths in odd dress, chunked said twice or hidden.
        format!(
            "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}",
            5 + smuggled.len()
        ),
        format!("POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: {}\r\n\r\n{smuggled}", smuggled.len()),
        format!("POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nContent-Length: 0\r\n\r\n{smuggled}", smuggled.len()),
        format!("POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n{smuggled}"),
        format!("POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 0, {}\r\n\r\n{smuggled}", smuggled.len()),
        format!("POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n{smuggled}"),
        format!("POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\nContent-Length: 0\r\n\r\n{smuggled}"),
        format!("POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n{smuggled}"),
        "GET / HTTP/1.1\r\nHost: x\r\nX: a\n\r\nContent-Length: 0\r\n\r\n".to_owned(),
    ] {
        let answer = raw(server.address, head.as_bytes(), Duration::from_secs(2));
        let text = String::from_utf8_lossy(&answer);
        let two = text.contains("/smuggled") && head.contains("Content-Length") && head.contains("Transfer-Encoding");
        // Either it is refused, or what follows is the body that was announced and no request.
        let ok = statuses(&answer).first().is_none_or(|status| *status >= 400) || !text.contains("nothing is served at /smuggled");
        assert!(ok && !two, "{head:?}\n{text}");
    }
    is_well(&server);
}

#[test]
fn other_methods_change_nothing_and_a_header_makes_none() {
    let home = home("");
    let server = Server::start(&home);
    let us = Token::create(&home, "us", "manager");
    let bearer = format!("Bearer {}", us.token);
    let token = ("Authorization", bearer.as_str());
    let get = server.request("GET", "/api/v1/me", &[token], b"");
    let head = server.request("HEAD", "/api/v1/me", &[token], b"");
    assert_eq!((head.status, head.body.len(), head.header("etag")), (200, 0, get.header("etag")));
    for method in ["TRACE", "TRACK", "PUT", "DELETE", "PATCH", "CONNECT", "PROPFIND", "BREW"] {
        let answer = server.request(method, "/api/v1/me", &[token, ("X-Planted", "echo-me")], b"");
        assert!([400, 404, 405, 501].contains(&answer.status), "{method}: {}", answer.status);
        assert!(!String::from_utf8_lossy(&answer.body).contains("echo-me"), "{method}");
    }
    for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
        let answer = server.request(
            "GET",
            "/api/v1/cases?_method=POST",
            &[token, (name, "POST"), ("Content-Type", "application/json")],
            b"{\"title\": \"x\"}",
        );
        assert!(answer.status == 400, "{name}: {}", answer.status);
        let answer = server.request("GET", "/api/v1/cases", &[token, (name, "DELETE")], b"");
        assert_eq!((answer.status, answer.json()["data"].clone()), (200, json!([])), "{name}");
    }
    // A browser of another site cannot make the browser of ours ask.
    let preflight =
        server.request("OPTIONS", "/api/v1/events", &[("Origin", "https://evil.example"), ("Access-Control-Request-Method", "GET")], b"");
    assert!(preflight.header("access-control-allow-origin").is_none());
}

#[test]
fn a_token_in_an_address_opens_nothing_and_is_written_down_nowhere() {
    let home = home("");
    let us = Token::create(&home, "us", "manager");
    let log = home.beside("log");
    let mut child = home
        .command(&["--json", "-v", "serve", "--listen", "127.0.0.1:0", "--log", "json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
    let address: SocketAddr = serde_json::from_str::<serde_json::Value>(&line).unwrap()["address"].as_str().unwrap().parse().unwrap();
    for name in ["token", "access_token", "api_key", "key", "authorization"] {
        let path = format!("/api/v1/me?{name}={}", us.token);
        assert_eq!(story::server::request(address, "GET", &path, &[], b"").status, 401, "{name}");
    }
    let bearer = format!("Bearer {}", us.token);
    assert_eq!(story::server::request(address, "GET", "/api/v1/me", &[("Authorization", &bearer)], b"").status, 200);
    let metrics = story::server::request(address, "GET", "/metrics", &[], b"");
    child.kill().unwrap();
    child.wait().unwrap();
    let told = std::fs::read_to_string(&log).unwrap();
    assert!(!told.contains(&us.token) && !String::from_utf8_lossy(&metrics.body).contains(&us.token));
    let lines: Vec<serde_json::Value> =
        told.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect();
    let requests = lines.iter().filter(|line| line["target"] == "musubi::request").count();
    assert!(requests >= 6 && lines.iter().any(|line| line["route"] == "/api/v1/me" && line["status"] == 401), "{told}");
    let register = std::fs::read(home.root().join("register.db")).unwrap();
    assert!(!register.windows(us.token.len()).any(|window| window == us.token.as_bytes()), "only its hash is kept");
}

#[test]
fn forms_that_are_none_are_refused_and_leave_nothing() {
    let home = home("");
    let server = Server::start(&home);
    let us = Token::create(&home, "us", "manager");
    let bearer = format!("Bearer {}", us.token);
    let file = "Content-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";
    for (media, body) in [
        ("multipart/form-data", "x".to_owned()),
        ("multipart/form-data; boundary=", "x".to_owned()),
        ("multipart/form-data; boundary=b", String::new()),
        ("multipart/form-data; boundary=b", "--b".to_owned()),
        ("multipart/form-data; boundary=b", "--b\r\n\r\n\r\n--b--".to_owned()),
        ("multipart/form-data; boundary=b", format!("--b\r\n{file}never ends")),
        ("multipart/form-data; boundary=b", format!("--c\r\n{file}x\r\n--c--\r\n")),
        (
            "multipart/form-data; boundary=b",
            format!("--b\r\nContent-Disposition: form-data; name=\"tlp\"\r\n\r\npurple\r\n--b\r\n{file}x\r\n--b--\r\n"),
        ),
        (
            "multipart/form-data; boundary=b",
            format!("--b\r\nContent-Disposition: form-data; name=\"role\"\r\n\r\nadministrator\r\n--b\r\n{file}x\r\n--b--\r\n"),
        ),
        (
            "multipart/form-data; boundary=b",
            format!("--b\r\nContent-Disposition: form-data; name=\"feed\"\r\n\r\n{}\r\n--b--\r\n", "y".repeat(9000)),
        ),
    ] {
        let answer = server.request("POST", "/api/v1/evidence", &[("Authorization", &bearer), ("Content-Type", media)], body.as_bytes());
        assert!([400, 415].contains(&answer.status), "{media} {body:.60}: {}", answer.status);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    }
    assert_eq!(server.request("GET", "/api/v1/uploads", &[("Authorization", &bearer)], b"").json()["data"], json!([]));
    assert_eq!(std::fs::read_dir(home.root().join("uploads")).map_or(0, Iterator::count), 0, "no file is left behind");
}

#[test]
fn no_export_holds_a_formula() {
    let home = home("");
    let server = Server::start(&home);
    let (us, isp) = (Token::create(&home, "us", "manager"), Token::create(&home, "isp", "reader"));
    let nasty = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1", "\r=1"];
    let rows: String = nasty
        .iter()
        .enumerate()
        .map(|(n, text)| {
            json!({"time.source": format!("2026-03-25T01:00:{n:02}+00:00"), "source.ip": format!("192.0.2.{}", n + 1), "feed.name": text, "classification.identifier": text,
                "classification.type": "infected-system", "malware.name": text})
            .to_string()
                + "\n"
        })
        .collect();
    let bearer = format!("Bearer {}", us.token);
    let told = server.request(
        "POST",
        "/api/v1/evidence?tlp=green&format=intelmq&wait=60&feed=%3Dfeed",
        &[("Authorization", &bearer)],
        rows.as_bytes(),
    );
    assert_eq!(told.json()["uploads"][0]["outcome"]["stored"], json!(nasty.len()), "{}", String::from_utf8_lossy(&told.body));
    let bearer = format!("Bearer {}", isp.token);
    let csv = server.request("GET", "/report/inside.csv?time.min=2026-03-01", &[("Authorization", &bearer)], b"");
    assert_eq!(csv.header("content-disposition"), Some("attachment; filename=\"inside.csv\""));
    let text = String::from_utf8(csv.body).unwrap();
    assert_eq!(text.matches("192.0.2.").count(), nasty.len(), "{text}");
    for cell in text.lines().skip(1).flat_map(|line| line.split(',')) {
        let inside = cell.trim_start_matches('"');
        assert!(!inside.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?} in {text}");
    }
}

/// A Python with packages of its own, made once in the target folder.
fn python(name: &str, packages: &[&str], import: &str) -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let python = folder.join("bin/python3");
    let run = |program: &Path, arguments: &[&str]| match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or("it said nothing").to_owned()),
        Err(error) => Err(format!("{}: {error}", program.display())),
    };
    if run(&python, &["-c", import]).is_err() {
        run(Path::new("python3"), &["-m", "venv", &folder.to_string_lossy()])?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--timeout", "20", "--retries", "1"];
        run(&python, &[&install[..], packages].concat())?;
        run(&python, &["-c", import])?;
    }
    Ok(python)
}

#[test]
fn schemathesis_finds_nothing_that_the_document_does_not_say() {
    let python = match python("schemathesis-python", &["schemathesis"], "import schemathesis") {
        Ok(python) => python,
        Err(reason) => return eprintln!("skipped: schemathesis cannot be had: {reason}"),
    };
    let home = home("[serve]\nrequests_per_second = 100000\n");
    let server = Server::start(&home);
    let us = Token::create(&home, "us", "manager");
    let examples = std::env::var("MUSUBI_SCHEMATHESIS").unwrap_or_else(|_| "5".to_owned());
    let output = Command::new("timeout")
        .arg("900")
        .arg(python.with_file_name("schemathesis"))
        .args(["run", &format!("http://{}/api/openapi.json", server.address), "--header", &format!("Authorization: Bearer {}", us.token)])
        .args(["--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", &examples, "--seed", "1", "--suppress-health-check", "all"])
        // A stream does not end, and bytes of tus are of a media type that it cannot make.
        .args(["--exclude-path", "/api/v1/stream", "--exclude-operation-id", "continueUpload", "--request-timeout", "60", "--no-color"])
        .current_dir(home.beside("."))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    is_well(&server);
}
