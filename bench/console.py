#!/usr/bin/env python3
"""How fast are the pages and the API of the console, and how much memory does the server take?

    bench/console.py --musubi target/release/musubi [--events 30000000] [--cases 100000] [--parties 10000] [--seconds 8] [--users 200] [--folder F --keep]

The home is made here, through the doors that everybody uses: parties by `musubi party import`, events by uploads to the API, cases by the API
(so that filling it measures it too). Then pages are asked for by a person who signed in with a browser's cookie: requests a second, median, p95 and p99
of the server's answers on one connection and on sixteen (the segments of past days merged first, as the server does by itself), bytes of a page compressed, CPU of the server's process (the figure to trust on a machine that
others use), memory idle and with many users at once, and seconds from the last byte of an upload of 100,000 rows until the API shows its last event. The
server listens on 127.0.0.1 only and ends with the script. Memory is that of a server that was started on the filled home. With `--keep` the home stays
in the folder, and the next call begins with it. Leaves bench/results/console.json.
"""

import argparse
import datetime
import gzip
import http.client
import json
import os
import re
import shutil
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

PAGES = ["/", "/events", "/events?malware=mirai", "/events?country=JP&class=infected-system&from={from}&to={to}", "/events?q={ip}", "/events?q={net}", "/events?q=example.net",
         "/events/{event}", "/events/{event}?at={at}", "/events/{event}?at={at}&original=1", "/events/sql", "/lookup?value={ip}", "/lookup?value=host.example.com", "/lookup?value=host.example.com&before={from}", "/cases", "/cases?as=board", "/cases?q=777", "/cases/{case}", "/cases/{case}/report",
         "/takedowns", "/indicators", "/indicators/lists", "/graph?value={ip}", "/parties", "/parties?q=Provider+77", "/parties/isp-77", "/parties/isp-77/view", "/parties/isp-77/view/problems",
         "/agreements", "/explain?event={event}&to=isp-77", "/notices", "/notices/templates", "/answers", "/releases", "/releases/checkpoints", "/evidence", "/evidence/{evidence}", "/evidence/new",
         "/settings", "/settings/feeds", "/settings/tables", "/settings/keys", "/settings/jobs", "/settings/people", "/settings/audit", "/settings/tokens", "/account", "/api",
         "/api/v1/me", "/api/v1/events?limit=50", "/api/v1/events?limit=50&value={ip}", "/api/v1/lookup/{ip}", "/api/v1/cases?limit=50", "/api/v1/parties?limit=50", "/api/v1/stats", "/api/openapi.json"]
MANY = {"/", "/events", "/lookup?value={ip}", "/cases", "/parties", "/api/v1/events?limit=50", "/api/v1/me"}
PASSWORD = "correct horse battery staple 9"


def parties(count, path):
    with open(path, "w") as out:
        out.write('[[party]]\nid = "us"\nname = "Example CSIRT"\nkind = "national-csirt"\nown = true\n')
        for n in range(count):
            out.write(f'[[party]]\nid = "isp-{n}"\nname = "Provider {n}"\nkind = "provider"\nnation = "JP"\n'
                      f'networks = ["{10 + n // 65536}.{n // 256 % 256}.{n % 256}.0/24"]\n')


DAYS = 28


def date(day):
    """The days end with yesterday, so that the overview has something to show."""
    return datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=DAYS - day)


def rows(seed, count, day):
    """A report of a sinkhole about one day, each row an event of its own (see bench/internet.py)."""
    sinkhole = internet.Sinkhole(internet.Internet(), seed, 0.0)
    return "".join([internet.header_line(), *sinkhole.rows(count, date(day))]).encode()


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


def memory(pid):
    """Memory in millions of bytes: `rss_mb` counts a page of the register once for each connection that maps it, `pss_mb` once in all (proportional set
    size), `own_mb` is what belongs to the process alone; the rest is the program's file and the register, mapped."""
    with open(f"/proc/{pid}/status") as status:
        kilobytes = dict(re.findall(r"(VmRSS|RssAnon):\s+(\d+)", status.read()))
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        kilobytes |= dict(re.findall(r"^(Pss):\s+(\d+)", rollup.read(), re.M))
    return {name: round(int(kilobytes[key]) * 1024 / 1e6, 1) for name, key in [("rss_mb", "VmRSS"), ("pss_mb", "Pss"), ("own_mb", "RssAnon")]}


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


class Server:
    """`musubi serve` on a port of its own, ended with the block."""

    def __init__(self, base):
        self.process = subprocess.Popen([*base, "serve", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE)
        self.greeting = json.loads(self.process.stdout.readline())
        host, port = self.greeting["address"].split(":")
        self.address, self.pid = (host, int(port)), self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def fill(told, folder, base, result):
    """Parties by the command line, an administrator by the link of the first start, events and cases by the API."""
    parties(told.parties, folder / "parties.toml")
    subprocess.run([*base, "party", "import", str(folder / "parties.toml")], check=True, stdout=subprocess.DEVNULL)
    token = json.loads(subprocess.run([*base, "token", "create", "--party", "us", "--role", "manager"], check=True, capture_output=True).stdout)["token"]
    (folder / "home" / "config.toml").write_text("[serve]\nrequests_per_second = 1000000\nconnections = 5000\n")
    with Server(base) as server:
        machine = Client(server.address, {"Authorization": f"Bearer {token}"})
        key = urllib.parse.parse_qs(urllib.parse.urlparse(server.greeting["welcome"]).query)["key"][0]
        form = urllib.parse.urlencode({"key": key, "name": "hana", "shown": "Hana", "password": PASSWORD})
        answer, _ = Client(server.address, {}).ask("POST", "/welcome", form, {"Content-Type": "application/x-www-form-urlencoded"})
        cookie = answer.getheader("Set-Cookie").split(";")[0]
        began, cpu, making = time.monotonic(), process(server.pid)[0], 0.0
        most, waits = 600_000, []
        for day in range(DAYS):
            of_day = told.events * (day + 1) // DAYS - told.events * day // DAYS
            for first in range(0, of_day, most):
                before = time.monotonic()
                body = rows(1 + day * 1000 + first // most, min(most, of_day - first), day)
                making += time.monotonic() - before
                name = f"{date(day)}-event4_sinkhole-{first}.csv"
                answer, text = machine.ask("POST", f"/api/v1/evidence?feed=shadowserver&tlp=amber&name={name}", body)
                assert answer.status == 202, text
                waits.append(json.loads(text)["uploads"][0]["id"])
        for upload in waits:
            while json.loads(machine.ask("GET", f"/api/v1/uploads/{upload}")[1])["state"] not in ("done", "failed"):
                time.sleep(0.2)
        wall = time.monotonic() - began
        result["fill_events"] = {"rows": told.events, "per_s": round(told.events / wall), "of_it_making_rows_s": round(making, 1),
                                 "per_cpu_s": round(told.events / (process(server.pid)[0] - cpu))}
        began = time.monotonic()
        numbers, lock = iter(range(told.cases)), threading.Lock()

        def open_cases():
            client = Client(server.address, machine.headers)
            while True:
                with lock:
                    n = next(numbers, None)
                if n is None:
                    return
                answer, text = client.ask("POST", "/api/v1/cases", json.dumps({"title": f"Case {n}"}), {"Content-Type": "application/json"})
                assert answer.status == 201, text

        threads = [threading.Thread(target=open_cases) for _ in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        result["fill_cases"] = {"cases": told.cases, "per_s": round(told.cases / max(time.monotonic() - began, 0.001))}
    (folder / "filled.json").write_text(json.dumps({"token": token, "cookie": cookie, **result}))


def measure_home(told, folder, result):
    base = [told.musubi, "--home", str(folder / "home"), "--json"]
    if not (folder / "filled.json").exists():
        fill(told, folder, base, result)
    filled = json.loads((folder / "filled.json").read_text())
    result.update({key: filled[key] for key in ("fill_events", "fill_cases")})
    # What a server does by itself ten minutes after a day is over: the days of the past are one segment each.
    began = time.monotonic()
    merged = json.loads(subprocess.run([*base, "compact"], check=True, capture_output=True).stdout)
    result["compact"] = {"s": round(time.monotonic() - began, 1), **merged}
    began = time.monotonic()
    with Server(base) as server:
        result["start_s"] = round(time.monotonic() - began, 3)
        machine = Client(server.address, {"Authorization": f"Bearer {filled['token']}"})
        browser = {"Cookie": filled["cookie"], "Accept-Encoding": "gzip, zstd"}
        time.sleep(3)
        result["rss_idle_mb"] = round(process(server.pid)[1] / 1e6, 1)
        event = json.loads(machine.ask("GET", "/api/v1/events?limit=1")[1])["data"][0]
        case = json.loads(machine.ask("GET", "/api/v1/cases?limit=1")[1])["data"][0]
        names = {"ip": event["source_ip"], "net": event["source_ip"].rsplit(".", 1)[0] + ".0/24", "event": event["id"], "evidence": event["evidence"], "case": case["id"],
                 "from": date(9), "to": date(11), "at": microseconds(event["time"])}
        result["pages"] = {}
        for pattern in PAGES:
            page = pattern.format(**names)
            answer, text = Client(server.address, browser).ask("GET", page)
            if answer.status != 200:
                result["pages"][pattern] = {"status": answer.status, "says": text[:200].decode(errors="replace")}
                continue
            one = load(server.address, browser, page, 1, told.seconds, server.pid)
            many = load(server.address, browser, page, 16, told.seconds, server.pid) if pattern in MANY else None
            result["pages"][pattern] = {"bytes": len(text), "encoding": answer.getheader("Content-Encoding"), "one_connection": one, "sixteen_connections": many}
        result["slowest_p95_ms"] = max(page["one_connection"]["p95_ms"] for page in result["pages"].values() if "one_connection" in page)
        result["slowest_p99_ms"] = max(page["one_connection"]["p99_ms"] for page in result["pages"].values() if "one_connection" in page)
        result["first_visit_bytes"] = first_visit(Client(server.address, browser))
        users = load(server.address, browser, "/", told.users, told.seconds, server.pid)
        result["users_after_all_pages"] = {"users": told.users, **users, **memory(server.pid)}
        # From before the upload's first byte until its last event is shown; the server has closed the connection that idled meanwhile.
        machine = Client(server.address, machine.headers)
        body = rows(time.time_ns() % 1_000_000_000, 100_000, DAYS - 1)
        began = time.monotonic()
        answer, text = machine.ask("POST", f"/api/v1/evidence?feed=shadowserver&tlp=amber&name={date(DAYS - 1)}-event4_sinkhole-new.csv&wait=60", body)
        upload = json.loads(text)["uploads"][0]
        seen = json.loads(machine.ask("GET", f"/api/v1/events?evidence={upload['evidence']}&limit=1")[1])["data"]
        result["upload_100000_rows_to_visible_s"] = round(time.monotonic() - began, 3)
        assert upload["outcome"]["read"] == 100_000 and len(seen) == 1, upload
        result["at_the_end"] = memory(server.pid)
    # People who look at the overview, of a server that has done nothing else.
    with Server(base) as server:
        users = load(server.address, browser, "/", told.users, told.seconds, server.pid)
        result["users"] = {"users": told.users, **users, **memory(server.pid)}


def microseconds(time_text):
    return round(datetime.datetime.fromisoformat(time_text.replace("Z", "+00:00")).timestamp() * 1_000_000)


def first_visit(client):
    """Bytes of the overview and of all it names, compressed."""
    answer, page = client.ask("GET", "/")
    total = len(page)
    if answer.getheader("Content-Encoding") == "gzip":
        page = gzip.decompress(page)
    else:
        page = Client(client.address, {"Cookie": client.headers["Cookie"]}).ask("GET", "/")[1]
    for path in set(re.findall(r'(?:src|href)="(/assets/[^"#]+)', page.decode())):
        total += len(client.ask("GET", path)[1])
    return total


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--musubi", required=True)
    options.add_argument("--events", type=int, default=300_000)
    options.add_argument("--cases", type=int, default=2_000)
    options.add_argument("--parties", type=int, default=1_000)
    options.add_argument("--seconds", type=float, default=5)
    options.add_argument("--users", type=int, default=200)
    options.add_argument("--folder", help="where the home is made")
    options.add_argument("--keep", action="store_true", help="leave the home in the folder, or use the one that is there")
    options.add_argument("--out", default=str(Path(__file__).parent / "results" / "console.json"))
    told = options.parse_args()
    result = {"command": "bench/console.py " + " ".join(f"--{key} {value}" for key, value in vars(told).items() if key in ("events", "cases", "parties", "seconds", "users")),
              "machine": measure.machine()}
    folder = tempfile.mkdtemp(dir=told.folder) if not told.keep else told.folder
    try:
        measure_home(told, Path(folder), result)
    finally:
        print(json.dumps(result))
        if not told.keep:
            shutil.rmtree(folder)
    Path(told.out).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
