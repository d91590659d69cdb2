#!/usr/bin/env python3
"""One day (or several in one file) of a sinkhole's report, as Shadowserver lays it out.

    bench/make_day.py 1000000 /tmp/day.csv
    bench/make_day.py 40000 /tmp/small.csv --day 2026-03-23 --seed 7 --dup 0.10 --days 3
    bench/make_day.py 0 /dev/null --tables /tmp/tables     # the table of prefixes and ASNs that fits the rows
"""

import argparse
import datetime
import os

import internet


def write_day(rows, path, day, seed, dup, days, world=None):
    """Writes the report; the rows are spread evenly over `days` days from `day` on."""
    sinkhole = internet.Sinkhole(world or internet.Internet(), seed, dup)
    with open(path, "w", encoding="ascii", newline="", buffering=1 << 20) as out:
        out.write(internet.header_line())
        for n in range(days):
            share = rows * (n + 1) // days - rows * n // days
            for text in sinkhole.rows(share, day + datetime.timedelta(days=n)):
                out.write(text)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("rows", type=int)
    options.add_argument("out")
    options.add_argument("--day", type=datetime.date.fromisoformat, default=datetime.date(2026, 3, 23))
    options.add_argument("--days", type=int, default=1, help="spread the rows over so many days")
    options.add_argument("--seed", type=int, default=20161117)
    options.add_argument("--dup", type=float, default=0.10, help="share of rows that repeat an earlier row exactly")
    options.add_argument("--tables", metavar="DIR", help="also write ipasn.dat (pyasn) and ip2asn-v4.tsv (IPtoASN) here")
    given = options.parse_args()
    world = internet.Internet()
    if given.tables:
        os.makedirs(given.tables, exist_ok=True)
        world.write_pyasn(os.path.join(given.tables, "ipasn.dat"))
        world.write_iptoasn(os.path.join(given.tables, "ip2asn-v4.tsv"))
    write_day(given.rows, given.out, given.day, given.seed, given.dup, given.days, world)


if __name__ == "__main__":
    main()
