#!/usr/bin/env python3
"""How fast is the TAXII 2.1 server? Pages, look-ups, additions and a whole walk over many objects, as a party that policy is asked for.

    bench/taxii.py --musubi target/release/musubi [--objects 100000] [--connections 8]
    bench/taxii.py --musubi target/release/musubi --objects 10000000 --keep FOLDER --out taxii_10_million

The home of ten million takes 22 GB and is made in half an hour; `--keep` leaves it in the folder, or uses the one that is there. Objects
are made here (indicators of about 1.4 kB, three labels), pages begin at places all over the collection, the server listens on 127.0.0.1
only and ends with the script. CPU is that of the server's process, memory what it holds itself. Every page a party gets is a release: it is
durable in the journal before it is sent and in the log a moment later, and the figures hold both (shared by those that wait together).
Leaves bench/results/taxii.json.
"""

import argparse
import base64
import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import measure  # noqa: E402

MEDIA = "application/taxii+json;version=2.1"
LABELS = [
    "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
]


def objects(count, seed):
    dice = random.Random(seed)
    words = ["camera", "botnet", "sinkhole", "loader", "phishing", "bank", "router", "update", "gateway", "mirai"]
    for n in range(count):
        yield {
            "type": "indicator",
            "spec_version": "2.1",
            "id": f"indicator--{uuid.UUID(int=dice.getrandbits(128), version=4)}",
            "created": "2026-01-01T00:00:00.000Z",
            "modified": f"2026-01-{1 + n % 28:02}T00:00:{n % 60:02}.000Z",
            "name": f"host {n}",
            "description": " ".join(dice.choice(words) for _ in range(130)),
            "pattern": f"[ipv4-addr:value = '198.{18 + n // 65536 % 2}.{n // 256 % 256}.{n % 256}']",
            "pattern_type": "stix",
            "valid_from": "2026-01-01T00:00:00Z",
            "labels": ["malicious-activity"],
            # One in five hundred is hidden from the reader.
            "object_marking_refs": [LABELS[2] if n % 500 == 0 else LABELS[n % 2]],
        }


class Client:
    def __init__(self, address, user, password):
        self.address = address
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self.headers = {"Accept": MEDIA, "Content-Type": MEDIA, "Authorization": f"Basic {token}"}
        self.connection = http.client.HTTPConnection(address, timeout=120)

    def ask(self, method, path, body=None):
        path = path.replace("[", "%5B").replace("]", "%5D")
        try:
            self.connection.request(method, path, body=body, headers=self.headers)
            answer = self.connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionError):
            # It was idle for longer than the server keeps a connection.
            self.connection.close()
            self.connection.request(method, path, body=body, headers=self.headers)
            answer = self.connection.getresponse()
        data = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {data[:300]}")
        return answer, data


def cpu(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    return None


def quantile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))]


def asked(pid, clients, paths):
    """Each client asks its share of the paths, one after the other, all clients at once."""
    times, lock = [], threading.Lock()

    def run(client, mine):
        own = []
        for path in mine:
            start = time.perf_counter()
            client.ask("GET", path)
            own.append((time.perf_counter() - start) * 1000)
        with lock:
            times.extend(own)

    before, start = cpu(pid), time.perf_counter()
    threads = [threading.Thread(target=run, args=(client, paths[n :: len(clients)])) for n, client in enumerate(clients)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    wall, used = time.perf_counter() - start, cpu(pid) - before
    print(f"{len(paths)} requests: {used / len(paths) * 1000:.3f} ms of CPU, {paths[0][-80:]}", file=sys.stderr)
    return {
        "requests": len(paths),
        "connections": len(clients),
        "cpu_ms": round(used / len(paths) * 1000, 4),
        "p50_ms": round(statistics.median(times), 3),
        "p99_ms": round(quantile(times, 0.99), 3),
        "per_s": round(len(paths) / wall, 1),
    }


def added(client, collection, one_id):
    _, data = client.ask("GET", f"{collection}manifest/?match[id]={one_id}")
    return json.loads(data)["objects"][0]["date_added"]


def walk(pid, client, collection, limit):
    before, start, seen, pages, more = cpu(pid), time.perf_counter(), 0, 0, ""
    while True:
        _, data = client.ask("GET", f"{collection}objects/?limit={limit}{more}")
        seen += data.count(b'"type": "indicator"')
        pages += 1
        head = data[:200]
        if not head.startswith(b'{"more":true'):
            break
        more = "&next=" + head.split(b'"next":"')[1].split(b'"')[0].decode()
    wall, used = time.perf_counter() - start, cpu(pid) - before
    return {"objects": seen, "pages": pages, "objects_per_s": round(seen / wall), "objects_per_cpu_s": round(seen / used)}


PARTIES = """
[[party]]
id = "us"
name = "Us"
kind = "national-csirt"
communities = ["circle"]
[[party]]
id = "reader"
name = "Reader"
kind = "provider"
communities = ["circle"]
[[party]]
id = "writer"
name = "Writer"
kind = "provider"
communities = ["circle"]
[[agreement]]
id = "circle"
kind = "multilateral"
communities = ["circle"]
max_tlp = "GREEN"
purposes = ["defend"]
"""


def fill(run, folder, count):
    """A home with so many objects; says what is needed to ask it."""
    home = folder / "home"
    (folder / "parties.toml").write_text(PARTIES)
    run("party", "import", "parties.toml")
    run("party", "own", "us")
    (home / "config.toml").write_text("[serve]\nrequests_per_second = 1000000\nexchange_seconds = 0\n")
    made = {"cid": run("collection", "add", "main", "--title", "Main")["id"], "ids": [], "import_s": 0.0, "bytes": 0}
    for party in ["us", "reader", "writer"]:
        run("collection", "grant", "main", "--to", party, "--read", "--write")
    made["tokens"] = {party: run("token", "create", "--party", party) for party in ["us", "reader", "writer"]}
    dice, every = random.Random(5), max(1, count // 30_000)
    for part, begin in enumerate(range(0, count, 1_000_000)):
        lines = folder / "objects.jsonl"
        with open(lines, "w") as out:
            for n, one in enumerate(objects(min(1_000_000, count - begin), 100 + part)):
                out.write(json.dumps(one) + "\n")
                if n % 500 and dice.random() * every < 1:
                    made["ids"].append(one["id"])
        start = time.perf_counter()
        run("collection", "import", "main", str(lines))
        made["import_s"] += time.perf_counter() - start
        made["bytes"] += lines.stat().st_size
        lines.unlink()
    return {**made, "objects": count}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--musubi", required=True)
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--work", help="folder for the home [default: a temporary one]")
    parser.add_argument("--keep", help="folder in which the home stays, or is already")
    parser.add_argument("--out", default="taxii", help="name of the result")
    options = parser.parse_args()
    musubi = str(Path(options.musubi).resolve())
    with tempfile.TemporaryDirectory(dir=options.work) as temporary:
        folder = Path(options.keep or temporary).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        home = folder / "home"
        env = {**os.environ, "MUSUBI_HOME": str(home)}

        def run(*arguments):
            done = subprocess.run([musubi, "--json", *arguments], env=env, cwd=folder, capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(f"{arguments}: {done.stderr}")
            return json.loads(done.stdout) if done.stdout.strip() else None

        meta = folder / "meta.json"
        if not meta.exists():
            meta.write_text(json.dumps(fill(run, folder, options.objects)))
        made = json.loads(meta.read_text())
        tokens, ids = made["tokens"], made["ids"]
        results = {"objects": made["objects"], "object_bytes": made["bytes"] // made["objects"]}
        results["import_objects_per_s"] = round(made["objects"] / made["import_s"])
        results["register_mb"] = round(sum(path.stat().st_size for path in home.glob("register.db*")) / 1e6)
        server = subprocess.Popen([musubi, "--json", "serve", "--listen", "127.0.0.1:0"], env=env, stdout=subprocess.PIPE, text=True)
        try:
            address = json.loads(server.stdout.readline())["address"]
            pid = server.pid
            client = lambda party: Client(address, tokens[party]["id"], tokens[party]["token"])  # noqa: E731
            collection = f"/taxii2/root/collections/{made['cid']}/"
            dice = random.Random(7)
            some = lambda count: [dice.choice(ids) for _ in range(count)]  # noqa: E731
            client("reader").ask("GET", f"{collection}objects/?limit=10")
            results["resident_mb_before"] = resident_mb(pid)
            for party in ["reader", "us"]:
                one, many = [client(party)], [client(party) for _ in range(options.connections)]
                told = results.setdefault("policy_and_log" if party == "reader" else "ourselves", {})
                # Different pages, from anywhere: a page that a client has already is answered with 304.
                starts = [f"&added_after={added(one[0], collection, one_id)}" for one_id in some(2000)]
                told["page_of_100"] = asked(pid, one, [f"{collection}objects/?limit=100{start}" for start in starts[:400]])
                told["page_of_100_together"] = asked(pid, many, [f"{collection}objects/?limit=100{start}" for start in starts[400:]])
                told["match_id"] = asked(pid, one, [f"{collection}objects/?match[id]={one_id}" for one_id in some(1000)])
                told["match_id_together"] = asked(pid, many, [f"{collection}objects/?match[id]={one_id}" for one_id in some(8000)])
                told["object_together"] = asked(pid, many, [f"{collection}objects/{one_id}/" for one_id in some(4000)])
                told["versions_together"] = asked(pid, many, [f"{collection}objects/{one_id}/versions/" for one_id in some(4000)])
                told["walk_by_1000"] = walk(pid, one[0], collection, 1000)
            writer, new = client("writer"), list(objects(40_000, time.time_ns()))
            bodies = [json.dumps({"objects": new[n : n + 1000]}).encode() for n in range(0, len(new), 1000)]
            before, start = cpu(pid), time.perf_counter()
            for body in bodies:
                _, data = writer.ask("POST", f"{collection}objects/", body)
                status = json.loads(data)
                if status["success_count"] != 1000:
                    raise SystemExit(f"not all were taken: {data[:500]}")
            wall, used = time.perf_counter() - start, cpu(pid) - before
            results["post_by_1000"] = {"objects_per_s": round(len(new) / wall), "objects_per_cpu_s": round(len(new) / used)}
            results["resident_mb_after"] = resident_mb(pid)
        finally:
            server.terminate()
            server.wait()
        measure.keep(options.out, results)
        print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
