#!/usr/bin/env python3
"""How fast are the pages and the API of the console, and how much memory does the server take?

    bench/console.py --musubi target/release/musubi [--events 30000000] [--cases 100000] [--parties 10000] [--seconds 8] [--users 200]

The home is made here, through the doors that everybody uses: parties by `musubi party import`, events by uploads to the API, cases by the API
(so that filling it measures it too). Then pages are asked for by a person who signed in with a browser's cookie: requests a second, median, p95 and p99
of the server's answers on one connection and on sixteen, bytes of a page compressed, CPU of the server's process (the figure to trust on a machine that
others use), memory idle and with many users at once, and seconds from the last byte of an upload of 100,000 rows until the API shows its last event. The
server listens on 127.0.0.1 only and ends with the script. Leaves bench/results/console.json.
"""

import argparse
import datetime
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import internet  # noqa: E402
import measure  # noqa: E402

PAGES = ["/", "/events", "/cases", "/takedowns", "/parties", "/notices", "/indicators", "/releases", "/api", "/evidence/new",
         "/api/v1/me", "/api/v1/events?limit=50", "/api/v1/cases?limit=50", "/api/v1/parties?limit=50", "/api/v1/stats", "/api/openapi.json"]
PASSWORD = "correct horse battery staple 9"


def parties(count, path):
    with open(path, "w") as out:
        out.write('[[party]]\nid = "us"\nname = "Example CSIRT"\nkind = "national-csirt"\nown = true\n')
        for n in range(count):
            out.write(f'[[party]]\nid = "isp-{n}"\nname = "Provider {n}"\nkind = "provider"\nnation = "JP"\n'
                      f'networks = ["{10 + n // 65536}.{n // 256 % 256}.{n % 256}.0/24"]\n')


def rows(seed, count):
    """A report of a sinkhole, each row an event of its own (see bench/internet.py)."""
    sinkhole = internet.Sinkhole(internet.Internet(), seed, 0.0)
    days = 28
    lines = [internet.header_line()]
    for n in range(days):
        share = count * (n + 1) // days - count * n // days
        lines.extend(sinkhole.rows(share, datetime.date(2026, 3, 1) + datetime.timedelta(days=n)))
    return "".join(lines).encode()


class Client:
    def __init__(self, address, headers):
        self.address, self.headers, self.connection = address, headers, None

    def ask(self, method, path, body=None, headers=None):
        if self.connection is None:
            self.connection = http.client.HTTPConnection(*self.address, timeout=600)
        try:
            self.connection.request(method, path, body=body, headers={**self.headers, **(headers or {})})
            answer = self.connection.getresponse()
            return answer, answer.read()
        except (ConnectionError, http.client.HTTPException):
            self.connection = None
            raise


def process(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(") ", 1)[1].split()
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    with open(f"/proc/{pid}/status") as status:
        rss = int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) * 1024
    return cpu, rss


def load(address, headers, path, connections, seconds, pid):
    took, failures, lock = [], [0], threading.Lock()
    end = time.monotonic() + seconds

    def user():
        client, mine = Client(address, headers), []
        while time.monotonic() < end:
            began = time.perf_counter()
            answer, _ = client.ask("GET", path)
            mine.append(time.perf_counter() - began)
            if answer.status != 200:
                failures[0] += 1
        with lock:
            took.extend(mine)

    before, began = process(pid)[0], time.monotonic()
    threads = [threading.Thread(target=user) for _ in range(connections)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    wall, cpu = time.monotonic() - began, process(pid)[0] - before
    took.sort()
    at = lambda part: round(took[min(int(len(took) * part), len(took) - 1)] * 1000, 2)  # noqa: E731
    return {"requests": len(took), "failures": failures[0], "per_s": round(len(took) / wall, 1), "per_cpu_s": round(len(took) / max(cpu, 0.01), 1),
            "median_ms": at(0.5), "p95_ms": at(0.95), "p99_ms": at(0.99)}


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--musubi", required=True)
    options.add_argument("--events", type=int, default=300_000)
    options.add_argument("--cases", type=int, default=2_000)
    options.add_argument("--parties", type=int, default=1_000)
    options.add_argument("--seconds", type=float, default=5)
    options.add_argument("--users", type=int, default=200)
    options.add_argument("--folder", help="where the home is made")
    options.add_argument("--out", default=str(Path(__file__).parent / "results" / "console.json"))
    told = options.parse_args()
    result = {"command": "bench/console.py " + " ".join(f"--{key} {value}" for key, value in vars(told).items() if key in ("events", "cases", "parties", "seconds", "users")),
              "machine": measure.machine()}
    with tempfile.TemporaryDirectory(dir=told.folder) as folder:
        home = Path(folder, "home")
        base = [told.musubi, "--home", str(home), "--json"]
        parties(told.parties, Path(folder, "parties.toml"))
        subprocess.run([*base, "party", "import", str(Path(folder, "parties.toml"))], check=True, stdout=subprocess.DEVNULL)
        token = json.loads(subprocess.run([*base, "token", "create", "--party", "us", "--role", "manager"], check=True, capture_output=True).stdout)["token"]
        Path(home, "config.toml").write_text("[serve]\nrequests_per_second = 1000000\nconnections = 5000\n")
        server = subprocess.Popen([*base, "serve", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE)
        try:
            greeting = json.loads(server.stdout.readline())
            host, port = greeting["address"].split(":")
            address = (host, int(port))
            machine = Client(address, {"Authorization": f"Bearer {token}"})
            # The first administrator signs in.
            key = urllib.parse.parse_qs(urllib.parse.urlparse(greeting["welcome"]).query)["key"][0]
            form = urllib.parse.urlencode({"key": key, "name": "hana", "shown": "Hana", "password": PASSWORD})
            answer, _ = Client(address, {}).ask("POST", "/welcome", form, {"Content-Type": "application/x-www-form-urlencoded"})
            cookie = answer.getheader("Set-Cookie").split(";")[0]
            browser = {"Cookie": cookie, "Accept-Encoding": "gzip, zstd"}
            # Events by uploads.
            began, cpu = time.monotonic(), process(server.pid)[0]
            part, waits = 500_000, []
            for first in range(0, told.events, part):
                body = rows(1 + first, min(part, told.events - first))
                answer, text = machine.ask("POST", f"/api/v1/evidence?feed=shadowserver&tlp=amber&name=2026-03-28-event4_sinkhole-{first}.csv", body)
                assert answer.status == 202, text
                waits.append(json.loads(text)["uploads"][0]["id"])
            for upload in waits:
                while json.loads(machine.ask("GET", f"/api/v1/uploads/{upload}")[1])["state"] not in ("done", "failed"):
                    time.sleep(0.2)
            wall = time.monotonic() - began
            result["fill_events"] = {"events": told.events, "per_s": round(told.events / wall), "per_cpu_s": round(told.events / (process(server.pid)[0] - cpu))}
            began = time.monotonic()
            for n in range(told.cases):
                answer, _ = machine.ask("POST", "/api/v1/cases", json.dumps({"title": f"Case {n}"}), {"Content-Type": "application/json"})
                assert answer.status == 201
            result["fill_cases"] = {"cases": told.cases, "per_s": round(told.cases / max(time.monotonic() - began, 0.001))}
            # From the last byte of an upload to its last event.
            body = rows(999_999_999, 100_000)
            began = time.monotonic()
            answer, text = machine.ask("POST", "/api/v1/evidence?feed=shadowserver&tlp=amber&name=2026-03-28-event4_sinkhole-new.csv&wait=60", body)
            upload = json.loads(text)["uploads"][0]
            seen = json.loads(machine.ask("GET", f"/api/v1/events?evidence={upload['evidence']}&limit=1")[1])["data"]
            result["upload_100000_rows_to_visible_s"] = round(time.monotonic() - began, 3)
            assert upload["outcome"]["read"] == 100_000 and len(seen) == 1, upload
            time.sleep(3)
            result["rss_idle_mb"] = round(process(server.pid)[1] / 1e6, 1)
            result["pages"] = {}
            for page in PAGES:
                answer, text = Client(address, browser).ask("GET", page)
                if answer.status != 200:
                    result["pages"][page] = {"status": answer.status}
                    continue
                one = load(address, browser, page, 1, told.seconds, server.pid)
                many = load(address, browser, page, 16, told.seconds, server.pid)
                result["pages"][page] = {"bytes": len(text), "encoding": answer.getheader("Content-Encoding"), "one_connection": one, "sixteen_connections": many}
            users = load(address, browser, "/", told.users, told.seconds, server.pid)
            result["users"] = {"users": told.users, **users, "rss_mb": round(process(server.pid)[1] / 1e6, 1)}
        finally:
            server.terminate()
            server.wait()
    Path(told.out).write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
