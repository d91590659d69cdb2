#!/usr/bin/env python3
"""A window of daily reports, one file a day: what a national CSIRT has on disk after a quarter.

    bench/make_window.py /tmp/window --days 90 --rows-per-day 1000000

Files are named as Shadowserver names them (2026-03-23-event4_sinkhole-demo.csv). Days that exist already are kept.
"""

import argparse
import datetime
import multiprocessing
import os

import make_day


def write_one(task):
    path, rows, day, seed, dup = task
    if not os.path.exists(path):
        make_day.write_day(rows, path + ".part", day, seed, dup, 1)
        os.replace(path + ".part", path)
    return path


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder")
    options.add_argument("--days", type=int, default=90)
    options.add_argument("--rows-per-day", type=int, default=1_000_000)
    options.add_argument("--first", type=datetime.date.fromisoformat, default=datetime.date(2026, 1, 1))
    options.add_argument("--seed", type=int, default=20161117)
    options.add_argument("--dup", type=float, default=0.10)
    options.add_argument("--jobs", type=int, default=os.cpu_count())
    given = options.parse_args()
    os.makedirs(given.folder, exist_ok=True)
    tasks = []
    for n in range(given.days):
        day = given.first + datetime.timedelta(days=n)
        tasks.append((os.path.join(given.folder, f"{day}-event4_sinkhole-demo.csv"), given.rows_per_day, day, given.seed, given.dup))
    with multiprocessing.Pool(given.jobs) as pool:
        for path in pool.imap(write_one, tasks):
            print(path, flush=True)


if __name__ == "__main__":
    main()
