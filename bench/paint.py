#!/usr/bin/env python3
"""How soon does a browser paint the pages, and does anything move after it was painted?

    bench/paint.py --musubi target/release/musubi [--times 7] [--home F]

A home is made by `musubi demo` (or the one that is named is used), its first administrator made by the link of the first start, and the main pages are
opened in headless Chromium through chromedriver, at desk and phone width: cold (no cache at all, as on a first visit) and warm (styles and script cached,
as on every later one). The browser itself says what happened (W3C Paint Timing, Layout Instability, Largest Contentful Paint, Long Tasks; entries buffered
from the page's start): first and largest contentful paint after the navigation's start, the sum of all layout shifts, and how long tasks held
the main thread beyond 50 ms each. The server's own time (response's start minus request's start) stands beside it. Each page's median and worst are kept; wall times
tell who else used the machine too (`machine.load`), shifts do not. The server listens on 127.0.0.1 only and ends with the script. Leaves bench/results/paint.json.
"""

import argparse
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import console  # noqa: E402
import measure  # noqa: E402

PAGES = ["/", "/events", "/events?malware=mirai", "/events/{event}", "/lookup?value={ip}", "/evidence", "/indicators", "/graph?value={ip}", "/cases", "/cases?as=board", "/cases/{case}",
         "/cases/{case}/report", "/takedowns", "/notices", "/answers", "/parties", "/parties/kaede-net", "/agreements", "/explain", "/releases", "/settings", "/settings/feeds", "/account", "/api"]
OPEN = ["/sign-in"]
WIDTHS = {"desk": (1280, 900), "phone": (390, 844)}
# What the page saw of itself: told once nothing more is expected.
WATCH = """
const done = arguments[arguments.length - 1];
const seen = {shift: 0, moved: [], lcp: 0, blocked: 0};
const name = node => node?.nodeType === 1 ? node.tagName.toLowerCase() + (node.className?.baseVal ?? node.className ? '.' + (node.className.baseVal ?? node.className) : '') : '#text';
const watch = (type, each) => new PerformanceObserver(list => list.getEntries().forEach(each)).observe({type, buffered: true});
watch('layout-shift', entry => { seen.shift += entry.value; seen.moved.push(...entry.sources.map(source => name(source.node))); });
watch('largest-contentful-paint', entry => { seen.lcp = Math.max(seen.lcp, entry.startTime); });
watch('longtask', entry => { seen.blocked += Math.max(0, entry.duration - 50); });
setTimeout(() => {
  const [navigation] = performance.getEntriesByType('navigation');
  const paint = performance.getEntriesByName('first-contentful-paint')[0];
  done({...seen, fcp: paint ? paint.startTime : null, server: navigation.responseStart - navigation.requestStart,
        bytes: performance.getEntriesByType('resource').reduce((sum, one) => sum + one.transferSize, navigation.transferSize)});
}, 250);
"""


def program(*names):
    found = next((path for path in map(shutil.which, names) if path), None)
    if found is None:
        raise SystemExit(f"none of {', '.join(names)} is installed")
    return found


class Browser:
    """Chromium under chromedriver (W3C WebDriver), ended with the block."""

    def __init__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.driver = subprocess.Popen([program("chromedriver"), f"--port={self.port}", "--log-level=SEVERE"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        began = time.monotonic()
        while time.monotonic() - began < 60:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                break
            except OSError:
                time.sleep(0.05)
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
                     "--disable-component-update", "--disable-sync", "--disable-default-apps", "--hide-scrollbars"]
        options = {"binary": program("chromium", "chromium-browser", "google-chrome"), "args": arguments}
        made = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}})
        self.session, self.version = f"/session/{made['sessionId']}", made["capabilities"]["browserVersion"]

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{method} {path}: {error.read().decode()[:500]}") from error

    def devtools(self, command, parameters):
        return self.ask("POST", f"{self.session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, url):
        self.ask("POST", f"{self.session}/url", {"url": url})

    def run(self, script, *arguments):
        return self.ask("POST", f"{self.session}/execute/async", {"script": script, "args": list(arguments)})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ask("DELETE", self.session)
        self.driver.terminate()
        self.driver.wait()


def cookie(greeting):
    """The first administrator, made as a browser makes it."""
    if greeting.get("welcome") is None:
        raise SystemExit("somebody has an account in this home already")
    key = greeting["welcome"].split("key=")[1]
    form = urllib.parse.urlencode({"key": key, "name": "hana", "shown": "Hana", "password": console.PASSWORD})
    host, port = greeting["address"].split(":")
    answer, _ = console.Client((host, int(port)), {}).ask("POST", "/welcome", form, {"Content-Type": "application/x-www-form-urlencoded"})
    return answer.getheader("Set-Cookie").split(";")[0].split("=", 1)


def visit(browser, url, cold):
    browser.open("about:blank")
    if cold:
        browser.devtools("Network.clearBrowserCache", {})
    browser.open(url)
    return browser.run(WATCH)


def summary(seen):
    paints = sorted(one["fcp"] for one in seen)
    return {"first_paint_ms": round(statistics.median(paints), 1), "worst_first_paint_ms": round(paints[-1], 1),
            "largest_paint_ms": round(statistics.median(one["lcp"] for one in seen), 1), "server_ms": round(statistics.median(one["server"] for one in seen), 1),
            "blocked_ms": round(statistics.median(one["blocked"] for one in seen), 1), "layout_shift": round(max(one["shift"] for one in seen), 5),
            "bytes": round(statistics.median(one["bytes"] for one in seen)), "moved": sorted({name for one in seen for name in one["moved"]})}


def measure_pages(told, home, result):
    base = [told.musubi, "--home", str(home), "--json"]
    with console.Server(base) as server, Browser() as browser:
        result["browser"] = browser.version
        # The name that passkeys are bound to, as people open it.
        at = f"http://localhost:{server.address[1]}"
        name, value = cookie(server.greeting)
        machine = console.Client(server.address, {"Cookie": f"{name}={value}"})
        event = json.loads(machine.ask("GET", "/api/v1/events?limit=1&malware=mirai")[1])["data"][0]
        case = json.loads(machine.ask("GET", "/api/v1/cases?limit=1")[1])["data"][0]
        names = {"event": event["id"], "ip": event["source_ip"], "case": case["id"]}
        browser.devtools("Network.enable", {})
        result["pages"] = {}
        for width, (across, down) in WIDTHS.items():
            browser.devtools("Emulation.setDeviceMetricsOverride", {"width": across, "height": down, "deviceScaleFactor": 1, "mobile": across < 600})
            for pattern in OPEN + PAGES:
                url = at + pattern.format(**names)
                browser.devtools("Network.clearBrowserCookies", {})
                if pattern not in OPEN:
                    browser.devtools("Network.setCookie", {"url": at, "name": name, "value": value, "httpOnly": True, "sameSite": "Lax"})
                # The first of all pays for what the server and the browser do once.
                visit(browser, url, False)
                cold = summary([visit(browser, url, True) for _ in range(told.times)])
                warm = summary([visit(browser, url, False) for _ in range(told.times)])
                result["pages"].setdefault(pattern, {})[width] = {"cold": cold, "warm": warm}
                print(f"{pattern} {width}: {cold['first_paint_ms']} ms cold, {warm['first_paint_ms']} ms warm, shift {max(cold['layout_shift'], warm['layout_shift'])}", file=sys.stderr)
        all_of = [(kind, one[kind]) for page in result["pages"].values() for one in page.values() for kind in ("cold", "warm")]
        for kind in ("cold", "warm"):
            paints = [one["first_paint_ms"] for of, one in all_of if of == kind]
            result[kind] = {"median_first_paint_ms": round(statistics.median(paints), 1), "slowest_first_paint_ms": max(paints),
                            "worst_layout_shift": max(one["layout_shift"] for of, one in all_of if of == kind),
                            "most_blocked_ms": max(one["blocked_ms"] for of, one in all_of if of == kind)}


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--musubi", required=True)
    options.add_argument("--times", type=int, default=7, help="visits of each page at each width, cold and warm")
    options.add_argument("--home", help="a home where nobody has an account yet, instead of the demo's")
    told = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="musubi-paint-"))
    result = {"command": f"bench/paint.py --musubi target/release/musubi --times {told.times}", "times": told.times}
    try:
        home = Path(told.home) if told.home else folder / "home"
        if not told.home:
            subprocess.run([told.musubi, "--home", str(home), "demo", "--no-serve"], check=True, stdout=subprocess.DEVNULL)
        measure_pages(told, home, result)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    measure.keep("paint", result)


if __name__ == "__main__":
    main()
