#!/usr/bin/env python3
"""IntelMQ and Musubi side by side, in one run, on rows of the same report.

    bench/compare_intelmq.py --musubi target/release/musubi
    bench/compare_intelmq.py                       # the IntelMQ half alone
    bench/compare_intelmq.py --rows-intelmq 10000 --queue

Three measurements of IntelMQ:
  parse   the Shadowserver parser bot alone, as a library in one process: the least that it can cost
  chain   parser, deduplicator (Redis), ASN look-up (pyasn), taxonomy, file output; a library in one process, no queue between the bots
  queue   (--queue) the same five bots as five processes over Redis, as it is run in production

and two of Musubi:
  parse   `musubi read --as events FILE` to /dev/null
  chain   `musubi ingest FILE` into an empty home: parse, class, dedup, tables, durable store

CPU seconds are user + system. For IntelMQ only the work is counted, not the start of Python and its imports; the CPU that Redis used is added where
it is used. For Musubi the whole process is counted, start included. IntelMQ gets the report in pieces of 10,000 rows: in one piece its memory is
twenty times the input.

Needs `redis-server` on the path. IntelMQ is installed from PyPI into ~/.cache/musubi-bench (or --venv). Redis listens on 127.0.0.1 only.
"""

import argparse
import base64
import contextlib
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import internet
import measure

CHUNK = 10_000
REPORT = "2026-03-23-event4_sinkhole-demo.csv"

# How IntelMQ shall read each column of the report: its key and, where needed, the name of one of its conversions. Columns that are not here
# go to `extra.` under their own name.
KEYS = {
    "src_ip": ("source.ip", "validate_ip"), "src_port": ("source.port", "convert_int"),
    "src_asn": ("source.asn", "invalidate_zero"), "src_geo": ("source.geolocation.cc",), "src_region": ("source.geolocation.region",),
    "src_city": ("source.geolocation.city",), "src_hostname": ("source.reverse_dns",), "src_naics": ("extra.source.naics", "invalidate_zero"),
    "src_sector": ("extra.source.sector", "validate_to_none"),
    "dst_ip": ("destination.ip", "validate_ip"), "dst_port": ("destination.port", "convert_int"), "dst_asn": ("destination.asn", "invalidate_zero"),
    "dst_geo": ("destination.geolocation.cc",), "dst_region": ("destination.geolocation.region",), "dst_city": ("destination.geolocation.city",),
    "dst_hostname": ("destination.reverse_dns",), "dst_naics": ("extra.destination.naics", "invalidate_zero"),
    "dst_sector": ("extra.destination.sector", "validate_to_none"), "protocol": ("protocol.transport",), "infection": ("malware.name",),
    "family": ("extra.", "validate_to_none"),
}  # fmt: skip


def schema():
    """What IntelMQ downloads from Shadowserver, reduced to the one report that is measured."""
    optional = []
    for column in internet.HEADER:
        if column != "timestamp":
            key, *conversion = KEYS.get(column, ("extra.", "validate_to_none"))
            optional.append([key, column, *conversion])
    return {
        "_meta": {"date_created": "2026-01-01 00:00:00", "change_log": []},
        "event4_sinkhole": {
            "feed_name": "Sinkhole-Events IPv4",
            "file_name": "event4_sinkhole",
            "required_fields": [["time.source", "timestamp", "add_UTC_to_timestamp"]],
            "optional_fields": optional,
            "constant_fields": {"classification.taxonomy": "malicious-code", "classification.type": "infected-system"},
        },
    }


# ---------------------------------------------------------------- inside IntelMQ's own Python


def reports(path):
    """The file as IntelMQ's collector would hand it on: messages of CHUNK rows, each with the header."""
    with open(path, encoding="utf-8") as lines:
        head = next(lines)
        rows = []
        for line in lines:
            rows.append(line)
            if len(rows) == CHUNK:
                yield report(head, rows), len(rows)
                rows = []
        if rows:
            yield report(head, rows), len(rows)


def report(head, rows):
    raw = base64.b64encode((head + "".join(rows)).encode()).decode()
    return {"__type": "Report", "feed.name": "bench", "extra.file_name": REPORT, "time.observation": "2026-03-24T06:00:00+00:00", "raw": raw}


def chain_settings(out, table, port):
    """The five bots and their parameters; the same for the library and for the queue."""
    return [
        ("parser", "intelmq.bots.parsers.shadowserver.parser", {}),
        ("dedup", "intelmq.bots.experts.deduplicator.expert", {
            "redis_cache_host": "127.0.0.1", "redis_cache_port": port, "redis_cache_db": 6, "redis_cache_ttl": 86400,
            "filter_type": "blacklist", "filter_keys": "raw,time.observation"}),
        ("asn", "intelmq.bots.experts.asn_lookup.expert", {"database": table}),
        ("taxonomy", "intelmq.bots.experts.taxonomy.expert", {}),
        ("output", "intelmq.bots.outputs.file.output", {"file": out, "hierarchical_output": False, "single_key": None}),
    ]  # fmt: skip


def work(mode, path, out, table, port):
    """Runs bots as a library in this process and prints what it cost."""
    import importlib

    import intelmq
    from intelmq.lib.bot import BotLibSettings

    settings = BotLibSettings | {"logging_level": "ERROR"}
    wanted = chain_settings(out, table, port)[: 1 if mode == "parse" else None]
    bots = [(name, importlib.import_module(module).BOT(name, settings=settings | more)) for name, module, more in wanted]
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    rows = sent = failed = 0
    by_bot = dict.fromkeys((name for name, _ in bots), 0.0)
    for message, count in reports(path):
        rows += count
        messages = [message]
        for name, bot in bots:
            start = time.process_time()
            queues = bot.process_message(*messages)
            by_bot[name] += time.process_time() - start
            failed += len(queues.get("error", []))
            if name != "output":
                messages = queues.get("output", [])
            if not messages:
                break
        sent += len(messages)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF)
    user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    print(json.dumps({
        "intelmq": intelmq.__version__, "rows": rows, "out": sent, "failed": failed, "wall_s": round(wall, 3), "user_s": round(user, 3),
        "sys_s": round(system, 3), "cpu_s": round(user + system, 3), "peak_rss_mb": round(after.ru_maxrss * 1024 / 1e6, 1),
        "cpu_s_by_bot": {name: round(spent, 2) for name, spent in by_bot.items()}}))  # fmt: skip


def one_bot(name, module):
    """One bot as its own process, as IntelMQ's process manager starts it; it runs as whoever runs the benchmark."""
    import importlib

    import intelmq.lib.utils

    intelmq.lib.utils.drop_privileges = lambda: True
    importlib.import_module(module).BOT(name).start()


def queue(path, out, table, port):
    """The five bots as five processes over Redis; the cost is theirs plus that of Redis."""
    import intelmq
    import redis

    bots = chain_settings(out, table, port)
    broker = {f"{side}_pipeline_{key}": value for side in ("source", "destination") for key, value in (("broker", "redis"), ("host", "127.0.0.1"), ("port", port), ("db", 2))}
    root = os.environ["INTELMQ_ROOT_DIR"]
    runtime = {"global": broker | {
        "statistics_host": "127.0.0.1", "statistics_port": port, "statistics_database": 3, "logging_handler": "file", "logging_level": "ERROR",
        "logging_path": root + "/var/log/", "error_procedure": "pass", "error_max_retries": 3, "error_retry_delay": 1, "rate_limit": 0}}  # fmt: skip
    for place, (name, module, more) in enumerate(bots):
        following = [f"{after}-queue" for after, *_ in bots[place + 1 : place + 2]]
        runtime[name] = {"bot_id": name, "name": name, "module": module, "enabled": True, "run_mode": "continuous",
                         "parameters": more | ({"destination_queues": {"_default": following}} if following else {})}  # fmt: skip
    with open(root + "/etc/runtime.yaml", "w", encoding="utf-8") as file:
        json.dump(runtime, file)  # JSON is YAML
    store = redis.Redis(host="127.0.0.1", port=port, db=2)
    here = os.path.abspath(__file__)
    running = [subprocess.Popen([sys.executable, here, "--worker", "bot", name, module], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for name, module, _ in bots]
    queues = [name + kind for name, *_ in bots for kind in ("-queue", "-queue-internal")]
    peak = 0
    try:
        # The start of Python is not the work: count from when all bots wait for something to do.
        idle = -1.0
        while (spent := sum(cpu_of(process.pid) for process in running)) - idle > 0.05:
            idle = spent
            time.sleep(2)
        before, began = store.info("cpu"), time.monotonic()
        rows = 0
        for message, count in reports(path):
            store.lpush("parser-queue", json.dumps(message))
            rows += count
        size, finished = -1, began
        while time.monotonic() - began < 1800:
            time.sleep(0.5)
            if any(process.poll() is not None for process in running):
                raise SystemExit("a bot ended early")
            now = os.path.getsize(out) if os.path.exists(out) else 0
            if now != size or any(store.llen(name) for name in queues):
                size, finished = now, time.monotonic()
            elif now and time.monotonic() - finished > 2:
                break
        cost = sum(cpu_of(process.pid) for process in running) - idle
    finally:
        for process in running:
            with contextlib.suppress(OSError):
                peak = max(peak, peak_of(process.pid))
            process.terminate()
        time.sleep(1)
        for process in running:
            process.kill()
            process.wait()
    after = store.info("cpu")
    spent = sum(after[key] - before[key] for key in ("used_cpu_user", "used_cpu_sys"))
    with open(out, encoding="utf-8") as lines:
        written = sum(1 for _ in lines)
    print(json.dumps({
        "intelmq": intelmq.__version__, "rows": rows, "out": written, "wall_s": round(finished - began, 3), "bots_cpu_s": round(cost, 3),
        "redis_cpu_s": round(spent, 3), "cpu_s": round(cost + spent, 3), "peak_rss_mb": round(peak / 1e6, 1)}))  # fmt: skip


# ---------------------------------------------------------------- outside


def python_with_intelmq(venv):
    """The Python of an environment that has IntelMQ; made on first use."""
    python = os.path.join(venv, "bin", "python")
    if not os.path.exists(python):
        print(f"installing IntelMQ into {venv}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "intelmq", "pyasn", "redis"], check=True)
    return python


@contextlib.contextmanager
def redis_server(folder):
    """A Redis of our own on a free port of 127.0.0.1, in memory only; ended by its process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder],
        stdout=subprocess.DEVNULL)  # fmt: skip
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        else:
            raise SystemExit("redis-server did not start")
        yield port, server.pid
    finally:
        server.terminate()
        server.wait()


def cpu_of(pid):
    """User and system seconds of a running process."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_of(pid):
    """Peak resident bytes of a running process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def intelmq_half(python, path, tables, folder, with_queue):
    root = os.path.join(folder, "intelmq")
    for part in ("etc", "var/lib/bots", "var/log"):
        os.makedirs(os.path.join(root, part))
    with open(os.path.join(root, "var/lib/bots/shadowserver-schema.json"), "w", encoding="utf-8") as out:
        json.dump(schema(), out)
    env = os.environ | {"INTELMQ_ROOT_DIR": root, "PYTHONDONTWRITEBYTECODE": "1"}
    result = {}
    for mode in ["parse", "chain"] + ["queue"] * with_queue:
        with redis_server(folder) as (port, redis_pid):
            out = os.path.join(folder, f"{mode}.jsonl")
            print(f"intelmq {mode} …", file=sys.stderr)
            before = cpu_of(redis_pid)
            command = [python, os.path.abspath(__file__), "--worker", mode, path, out, os.path.join(tables, "ipasn.dat"), str(port)]
            done = measure.run(command, stdout=subprocess.PIPE, env=env)
            cost = json.loads(done["output"].splitlines()[-1])
            if mode == "chain":
                cost["redis_cpu_s"] = round(cpu_of(redis_pid) - before, 3)
                cost["cpu_s"] = round(cost["cpu_s"] + cost["redis_cpu_s"], 3)
            cost["rows_per_cpu_s"] = measure.per_cpu_second(cost["rows"], cost)
            result[mode] = cost
            print(f"intelmq {mode}: {cost['rows_per_cpu_s']} rows per CPU second, {cost['peak_rss_mb']} MB", file=sys.stderr)
    return result


def musubi_half(musubi, path, rows, tables, folder):
    home = os.path.join(folder, "home")
    result = {"version": measure.run([musubi, "--version"], stdout=subprocess.PIPE)["output"].strip()}
    print("musubi parse …", file=sys.stderr)
    result["parse"] = measure.run([musubi, "read", "--count", path])
    imported = measure.run([musubi, "--home", home, "tables", "import", os.path.join(tables, "ip2asn-v4.tsv")], check=False)
    print("musubi chain …", file=sys.stderr)
    result["chain"] = measure.run([musubi, "--home", home, "--json", "ingest", path], stdout=subprocess.PIPE)
    result["chain"]["tables"] = "imported" if imported["exit"] == 0 else "none"
    result["chain"]["summary"] = json.loads(result["chain"].pop("output"))
    for mode in ("parse", "chain"):
        result[mode]["rows"] = rows
        result[mode]["rows_per_cpu_s"] = measure.per_cpu_second(rows, result[mode])
        print(f"musubi {mode}: {result[mode]['rows_per_cpu_s']} rows per CPU second, {result[mode]['peak_rss_mb']} MB", file=sys.stderr)
    return result


def distinct(path):
    """How many different rows the file has: what every deduplicator has to find."""
    with open(path, "rb") as lines:
        next(lines)
        return len({hash(line) for line in lines})


def make_rows(rows, path, tables):
    # In a process of its own: the memory of this one counts in what is measured.
    here = os.path.join(measure.HERE, "make_day.py")
    subprocess.run([sys.executable, here, str(rows), path, "--tables", tables], check=True)


def main():
    if sys.argv[1:2] == ["--worker"]:
        mode, *rest = sys.argv[2:]
        if mode == "bot":
            name, module = rest
            sys.argv[1:] = []
            return one_bot(name, module)
        path, out, table, port = rest
        return queue(path, out, table, int(port)) if mode == "queue" else work(mode, path, out, table, int(port))
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--musubi", metavar="PATH", help="a release build; without it only IntelMQ is measured")
    options.add_argument("--venv", default=os.path.join(cache, "musubi-bench", "intelmq"), help="where IntelMQ is, or shall be installed")
    options.add_argument("--rows-intelmq", type=int, default=40_000)
    options.add_argument("--rows-musubi", type=int, default=1_000_000)
    options.add_argument("--queue", action="store_true", help="also run IntelMQ as processes over Redis")
    options.add_argument("--name", default="compare_intelmq", help="name of the result")
    given = options.parse_args()
    if not shutil.which("redis-server"):
        raise SystemExit("redis-server is not installed (Debian: apt install redis-server)")
    python = python_with_intelmq(given.venv)
    with tempfile.TemporaryDirectory(prefix="musubi-bench-") as folder:
        tables = os.path.join(folder, "tables")
        small = os.path.join(folder, "small-" + REPORT)
        make_rows(given.rows_intelmq, small, tables)
        shutil.move(small, small := os.path.join(folder, REPORT))
        result = {"distinct_rows": distinct(small), "intelmq": intelmq_half(python, small, tables, folder, given.queue)}
        for mode in result["intelmq"]:
            found, expected = result["intelmq"][mode]["out"], given.rows_intelmq if mode == "parse" else result["distinct_rows"]
            if found != expected:
                print(f"note: intelmq {mode} gave {found} events, expected {expected}", file=sys.stderr)
        if given.musubi:
            os.makedirs(os.path.join(folder, "large"))
            large = os.path.join(folder, "large", REPORT)
            make_rows(given.rows_musubi, large, tables)
            result["musubi"] = musubi_half(os.path.abspath(given.musubi), large, given.rows_musubi, tables, folder)
            result["ratio"] = {
                f"{ours} / intelmq {theirs}": round(result["musubi"][ours]["rows_per_cpu_s"] / result["intelmq"][theirs]["rows_per_cpu_s"], 1)
                for ours, theirs in (("parse", "parse"), ("chain", "chain"), ("chain", "queue"))
                if theirs in result["intelmq"]
            }
            print(json.dumps(result["ratio"]), file=sys.stderr)
        measure.keep(given.name, result)


if __name__ == "__main__":
    main()
