#!/usr/bin/env python3
"""A month on daily segments: the question of `bench/run.py --only query`, addresses seen on most of its days, and addresses as most are.

    bench/month.py --musubi target/release/musubi --home ~/.cache/musubi-bench/work/home-month [--times 15]

The home is that of `bench/run.py --full --only query`, after `musubi compact` with the clock before the end of its month (`faketime`): a segment a day. Ninety
days of a million rows: fill a home with files of `bench/make_day.py 1000000 FILE --day D --seed N`, compact it the same way, and add `--lookup-only --lookup-as
lookup_90_days`. Whole processes are measured, start included. Leaves bench/results/query_month.json and lookup_month.json.
"""

import argparse
import json
import os
import subprocess

import measure
from run import TOP_NETWORKS

OFTEN = ("SELECT source_ip, count(*) AS events, count(DISTINCT date_trunc('day', time)) AS days FROM events "
         "GROUP BY source_ip ORDER BY days DESC, events DESC, source_ip LIMIT 3")  # fmt: skip

# Addresses as most are: whichever come first somewhere in their order.
ANY = ("SELECT source_ip, count(*) AS events, count(DISTINCT date_trunc('day', time)) AS days FROM events "
       "WHERE source_ip >= '98.9' AND source_ip < '99' GROUP BY source_ip ORDER BY source_ip LIMIT 2")  # fmt: skip


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--musubi", required=True, help="a release build")
    options.add_argument("--home", required=True)
    options.add_argument("--times", type=int, default=15)
    options.add_argument("--lookup-as", default="lookup_month", metavar="NAME", help="name of the result of look-ups")
    options.add_argument("--lookup-only", action="store_true", help="leave the question of the month out: the home has more than one")
    given = options.parse_args()
    base = [os.path.abspath(given.musubi), "--home", given.home, "--json"]

    def rows(sql):
        text = measure.run([*base, "query", sql], stdout=subprocess.PIPE)["output"]
        return [json.loads(line) for line in text.splitlines()]

    segments = rows("SELECT count(*) AS segments, CAST(sum(row_count) AS BIGINT) AS events, CAST(sum(size_bytes) AS DOUBLE) / sum(row_count) AS bytes_per_event FROM segments")[0]
    sql = " ".join(TOP_NETWORKS.split())
    if not given.lookup_only:
        measure.keep("query_month", {**segments, "sql": sql, **measure.repeated([*base, "query", sql], given.times)})
    found = []
    for address in [*rows(OFTEN), *rows(ANY), {"source_ip": "192.0.2.250", "events": 0, "days": 0}]:
        found.append({"events": address["events"], "days": address["days"], **measure.repeated([*base, "lookup", address["source_ip"]], given.times)})
    measure.keep(given.lookup_as, {**segments, "addresses": found})


if __name__ == "__main__":
    main()
