#!/usr/bin/env python3
"""Everything that is measured, one after the other; each leaves a file in bench/results.

    bench/run.py                          # the quick round: minutes
    bench/run.py --full                   # the sizes of the README table; several hours of CPU and about 40 GB of disk
    bench/run.py --only day,storage       # some of: parse chain day huge line storage query lookup start
    bench/run.py --musubi target/release/musubi --work /data/bench

Inputs are made on first use and kept in --work, homes are made anew. Nothing is sent anywhere and nothing listens.
"""

import argparse
import datetime
import itertools
import json
import os
import shutil
import subprocess
import sys

import measure

TOP_NETWORKS = """
SELECT * FROM (
  SELECT date_trunc('day', time) AS day, type, source_asn, count(*) AS events,
         row_number() OVER (PARTITION BY date_trunc('day', time), type ORDER BY count(*) DESC) AS place
  FROM events GROUP BY 1, 2, 3
) WHERE place <= 20 ORDER BY day, type, place
"""
FIRST = datetime.date(2026, 1, 1)


class Bench:
    def __init__(self, musubi, work, full, packed):
        self.musubi, self.work, self.full, self.packed = musubi, work, full, packed
        os.makedirs(work, exist_ok=True)
        self.version = measure.run([musubi, "--version"], stdout=subprocess.PIPE)["output"].strip()

    def say(self, text):
        print(text, file=sys.stderr, flush=True)

    def keep(self, name, **result):
        measure.keep(name, {"version": self.version, "full": self.full, **result})

    def day(self, rows, day=datetime.date(2026, 3, 23), packed=False):
        """A report of one day with so many rows, made by a process of its own."""
        folder = os.path.join(self.work, f"day-{rows}-{day}")
        path = os.path.join(folder, f"{day}-event4_sinkhole-demo.csv" + (".zst" if packed else ""))
        if not os.path.exists(path):
            os.makedirs(folder, exist_ok=True)
            self.say(f"making {rows} rows …")
            script = os.path.join(measure.HERE, "make_day.py")
            make = [sys.executable, script, str(rows), "/dev/stdout" if packed else path + ".part", "--day", str(day), "--tables", os.path.join(self.work, "tables")]
            if packed:
                # Never on disk in full.
                with subprocess.Popen(make, stdout=subprocess.PIPE) as maker:
                    subprocess.run(["zstd", "-q", "-f", "-1", "-o", path + ".part"], stdin=maker.stdout, check=True)
                if maker.returncode != 0:
                    raise SystemExit(f"{' '.join(make)}: ended with {maker.returncode}")
            else:
                subprocess.run(make, check=True)
            os.replace(path + ".part", path)
        return path

    def home(self, name, empty=True):
        path = os.path.join(self.work, "home-" + name)
        if empty:
            shutil.rmtree(path, ignore_errors=True)
            table = os.path.join(self.work, "tables", "ip2asn-v4.tsv")
            if os.path.exists(table):
                measure.run([self.musubi, "--home", path, "tables", "import", table], check=False)
        return path

    def ingest(self, home, *paths):
        done = measure.run([self.musubi, "--home", home, "--json", "ingest", *paths], stdout=subprocess.PIPE)
        summary = json.loads(done.pop("output"))
        summary.pop("rejections", None)
        return done | {"summary": summary}

    def filled(self, name, days, rows):
        """A home with so many days, one file and one ingest a day; each file is deleted once it is read."""
        home, mark = self.home(name, empty=False), os.path.join(self.work, f"home-{name}.filled")
        wanted = f"{days} days of {rows} rows, {self.version}\n"
        if os.path.exists(mark) and open(mark, encoding="utf-8").read() == wanted:
            return home
        self.day(1)  # for the tables
        self.home(name)
        for n in range(days):
            path = self.day(rows, FIRST + datetime.timedelta(days=n))
            self.ingest(home, path)
            shutil.rmtree(os.path.dirname(path))
            self.say(f"{name}: day {n + 1} of {days}")
        with open(mark, "w", encoding="utf-8") as out:
            out.write(wanted)
        return home

    # ---- what is measured

    def parse(self):
        """Rows of a Shadowserver report to events, a second of CPU."""
        rows = 5_000_000 if self.full else 1_000_000
        cost = measure.run([self.musubi, "read", "--count", self.day(rows)])
        self.keep("parse", rows=rows, rows_per_cpu_s=measure.per_cpu_second(rows, cost), cost=cost)

    def chain(self):
        """The same to the durable store."""
        rows = 1_000_000
        cost = self.ingest(self.home("chain"), self.day(rows))
        self.keep("chain", rows=rows, rows_per_cpu_s=measure.per_cpu_second(rows, cost), cost=cost)

    def national_day(self, rows=None, name="day", packed=False):
        """Wall time and peak memory of a whole national day."""
        rows = rows or (5_000_000 if self.full else 1_000_000)
        cost = self.ingest(self.home(name), self.day(rows, packed=packed))
        self.keep(name, rows=rows, packed=packed, rows_per_cpu_s=measure.per_cpu_second(rows, cost), cost=cost)

    def huge(self):
        """Ten times the day: memory must not have grown."""
        self.national_day(50_000_000, "huge", self.packed)

    def line(self):
        """One line of 2 GB among good rows: it is set aside, the rest goes on, and memory does not grow."""
        length, rows = (2 << 30 if self.full else 256 << 20), 20_000
        path = os.path.join(self.work, "line", "2026-03-23-event4_sinkhole-demo.csv")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(self.day(rows), "rb") as day, open(path, "wb") as out:
            lines = day.readlines()
            out.writelines(lines[: rows // 2])
            for _ in range(length >> 20):
                out.write(b"A" * (1 << 20))
            out.write(b"\n")
            out.writelines(lines[rows // 2 :])
        cost = self.ingest(self.home("line"), path)
        os.remove(path)
        self.keep("line", rows=rows, bytes_of_line=length, cost=cost)

    def storage(self):
        """Bytes on disk for an event that is stored."""
        rows = 5_000_000 if self.full else 1_000_000
        home = self.home("storage")
        cost = self.ingest(home, self.day(rows))
        stored = cost["summary"]["stored"]
        parts = {}
        for folder, _, files in os.walk(home):
            top = os.path.relpath(folder, home).split(os.sep)[0]
            parts[top] = parts.get(top, 0) + sum(os.path.getsize(os.path.join(folder, file)) for file in files)
        # Replaced segments lie there a few minutes longer; the doctor counts those that are in use.
        doctor = json.loads(measure.run([self.musubi, "--home", home, "--json", "doctor"], stdout=subprocess.PIPE)["output"])
        self.keep("storage", rows=rows, stored=stored, bytes_per_event=round(doctor["bytes_per_event"], 1), bytes_by_folder=parts,
                  bytes_of_input=os.path.getsize(self.day(rows)))  # fmt: skip

    def query(self):
        """A month: the top 20 networks by class and day. Wall time of whole processes, start included."""
        rows = 466_667 if self.full else 50_000
        home = self.filled("month", 30, rows)
        command = [self.musubi, "--home", home, "--json", "query", " ".join(TOP_NETWORKS.split())]
        self.keep("query", rows=rows * 30, sql=" ".join(TOP_NETWORKS.split()), **measure.repeated(command))

    def lookup(self):
        """One address over 90 days: one that is there, one that never was."""
        rows = 1_000_000 if self.full else 20_000
        home = self.filled("window", 90, rows)
        # The first row of the last day: rows are made in pieces of 20,000, so a small file of that day begins with the same.
        with open(self.day(20_000, FIRST + datetime.timedelta(days=89)), encoding="ascii") as lines:
            present = list(itertools.islice(lines, 2))[1].split('"')[5]
        result = {address: measure.repeated([self.musubi, "--home", home, "--json", "lookup", address]) for address in (present, "192.0.2.254")}
        self.keep("lookup", rows=rows * 90, addresses=result)

    def start(self):
        """How long until a command that has next to nothing to do is done, on a filled home."""
        home = self.filled("window", 90, 1_000_000 if self.full else 20_000)
        self.keep("start", version_command=measure.repeated([self.musubi, "--version"], 31),
                  evidence_list=measure.repeated([self.musubi, "--home", home, "--json", "evidence", "list"], 31))  # fmt: skip


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--musubi", metavar="PATH", help="a release build; without it one is built")
    options.add_argument("--work", default=os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "musubi-bench", "work"))
    options.add_argument("--full", action="store_true", help="the real sizes")
    options.add_argument("--huge", action="store_true", help="also 50 million rows in one file (15 GB)")
    options.add_argument("--packed", action="store_true", help="these as zstd: less than a third of the disk; needs zstd")
    options.add_argument("--only", default="", help="names, separated by commas")
    given = options.parse_args()
    musubi = given.musubi
    if not musubi:
        root = os.path.dirname(measure.HERE)
        subprocess.run(["cargo", "build", "--release", "-p", "musubi"], cwd=root, check=True)
        musubi = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(root, "target")), "release", "musubi")
    bench = Bench(os.path.abspath(musubi), os.path.abspath(given.work), given.full, given.packed)
    steps = {"parse": bench.parse, "chain": bench.chain, "day": bench.national_day, "storage": bench.storage, "query": bench.query,
             "lookup": bench.lookup, "start": bench.start, "line": bench.line, "huge": bench.huge}  # fmt: skip
    wanted = given.only.split(",") if given.only else [name for name in steps if name != "huge" or given.huge]
    unknown = set(wanted) - set(steps)
    if unknown:
        options.error(f"no such measurement: {', '.join(sorted(unknown))}")
    for name in wanted:
        bench.say(f"== {name}: {steps[name].__doc__.strip()}")
        steps[name]()


if __name__ == "__main__":
    main()
