#!/usr/bin/env python3
"""What does policy cost? The question of `bench/run.py --only query` over a month of events, asked for ourselves and for a party; and decisions a second.

    bench/policy.py --musubi target/release/musubi --home ~/.cache/musubi-bench/work/home-month --speed policy_speed.txt

The home is that of `bench/run.py`; the first call adds parties and an agreement to its register. Asked for ourselves as a party, who may see everything, and a party without any agreement, which may see nothing above CLEAR.
"""

import argparse
import json
import os
import statistics
import subprocess

import measure
from run import TOP_NETWORKS

REGISTER = """
[[party]]
id = 'bench-us'
name = 'Ourselves'
kind = 'national-csirt'
own = true
[[party]]
id = 'bench-partner'
name = 'Partner'
kind = 'csirt'
"""


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--musubi", help="a release build")
    options.add_argument("--home", help="of `bench/run.py --only query`; without it only the decisions are kept")
    options.add_argument("--speed", help="what the example policy_speed of casework printed")
    options.add_argument("--times", type=int, default=9)
    given = options.parse_args()
    speed = open(given.speed, encoding="utf-8").read().splitlines() if given.speed else None
    if not given.home:
        measure.keep("policy_decisions", {"decisions": speed})
        return
    register = os.path.join(given.home, "..", "bench-parties.toml")
    with open(register, "w", encoding="utf-8") as out:
        out.write(REGISTER)
    base = [os.path.abspath(given.musubi), "--home", given.home, "--json"]
    subprocess.run([*base, "party", "import", register], check=True, stdout=subprocess.DEVNULL)
    sql = " ".join(TOP_NETWORKS.split())
    narrow = "SELECT count(*) FROM events WHERE source_ip >= '203.' AND source_ip < '204.' AND time >= timestamp '2026-01-10T00:00:00Z'"
    result = {}
    for name, question in [("month", sql), ("narrow", narrow)]:
        ways = {"ourselves": [], "as the owner of all": ["--to", "bench-us"], "as a party that sees nothing": ["--to", "bench-partner"]}
        costs = {way: [] for way in ways}
        # In turn, so that what else the machine does strikes all alike.
        for _ in range(given.times + 1):
            for way, more in ways.items():
                costs[way].append(measure.run([*base, "query", question, *more]))
        told = {}
        for way, all_ in costs.items():
            all_ = all_[1:]
            told[way] = {
                "median_s": statistics.median(c["wall_s"] for c in all_),
                "least_s": min(c["wall_s"] for c in all_),
                "median_cpu_s": statistics.median(c["cpu_s"] for c in all_),
                "least_cpu_s": min(c["cpu_s"] for c in all_),
                "peak_rss_mb": max(c["peak_rss_mb"] for c in all_),
            }
        own, seen = told["ourselves"], told["as the owner of all"]
        told["added_percent"] = {k: round(100 * (seen[k] / own[k] - 1), 1) for k in ("median_s", "least_s", "median_cpu_s", "least_cpu_s")}
        told["sql"] = question
        result[name] = told
    rows = json.loads(measure.run([*base, "query", "SELECT count(*) AS n FROM events"], stdout=subprocess.PIPE)["output"])["n"]
    measure.keep("policy", {"rows": rows, "decisions": speed, **result})


if __name__ == "__main__":
    main()
