#!/usr/bin/env python3
"""STIX patterns: read, asked, and found among 100,000, beside stix2-patterns and stix2-matcher.

    cargo build --release -p formats --example pattern_speed
    python3 -m venv VENV && VENV/bin/pip install stix2-patterns==2.1.2 stix2-matcher==3.0.0
    bench/stix_patterns.py --example target/release/examples/pattern_speed --peer-python VENV/bin/python

Both are asked the same patterns, made by the example, in one run after the other; seconds are those of the CPU. The peer has no index: what 100,000 patterns
cost it for one event is what the first thousand cost, times a hundred.
"""

import argparse
import json
import subprocess
import sys
import time

import measure

PEER_PATTERNS = 1000
EVENT = [
    {"type": "observed-data", "id": "observed-data--1", "first_observed": "2026-11-23T09:30:00Z", "last_observed": "2026-11-23T09:30:00Z",
     "number_observed": 1, "spec_version": "2.1",
     "object_refs": ["ipv4-addr--1", "network-traffic--1", "domain-name--1", "url--1", "file--1"]},
    {"type": "ipv4-addr", "id": "ipv4-addr--1", "value": "203.0.113.77"},
    {"type": "network-traffic", "id": "network-traffic--1", "dst_ref": "ipv4-addr--1", "dst_port": 443, "protocols": ["tcp"]},
    {"type": "domain-name", "id": "domain-name--1", "value": "secure-login5.example", "resolves_to_refs": ["ipv4-addr--1"]},
    {"type": "url", "id": "url--1", "value": "https://secure-login5.example/0a1b2c3d/gate.php"},
    {"type": "file", "id": "file--1", "name": "a.exe", "size": 4096, "hashes": {"MD5": "0" * 32, "SHA-256": "1" * 64}},
]


def peer():
    """What the peer says of the patterns on standard input; runs in its own Python."""
    from stix2matcher.matcher import Pattern
    from stix2patterns.validator import run_validator

    patterns = sys.stdin.read().splitlines()
    observed = [{"type": "bundle", "id": "bundle--1", "objects": EVENT}]
    cpu = time.process_time
    start = cpu()
    wrong = sum(bool(run_validator(pattern, stix_version="2.1")) for pattern in patterns)
    validated = cpu() - start
    start = cpu()
    compiled = [Pattern(pattern, stix_version="2.1") for pattern in patterns]
    parsed = cpu() - start
    start = cpu()
    matched = sum(bool(pattern.match(observed)) for pattern in compiled)
    asked = cpu() - start
    count = len(patterns)
    print(json.dumps({
        "patterns": count,
        "wrong": wrong,
        "matched": matched,
        "validated_per_cpu_second": round(count / validated),
        "parsed_per_cpu_second": round(count / parsed),
        "evaluations_per_cpu_second": round(count / asked),
        "event_against_100000_microseconds": round(asked / count * 100_000 * 1e6),
    }))


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--example", help="pattern_speed, a release build")
    options.add_argument("--peer-python", help="a Python that has stix2-matcher")
    options.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    options.add_argument("--times", type=int, default=3)
    given = options.parse_args()
    if given.peer:
        peer()
        return
    patterns = subprocess.run([given.example, "--patterns", str(PEER_PATTERNS)], check=True, capture_output=True).stdout
    ours, theirs = [], []
    for _ in range(given.times):
        ours.append(json.loads(subprocess.run([given.example], check=True, capture_output=True).stdout))
        told = subprocess.run([given.peer_python, __file__, "--peer"], input=patterns, check=True, capture_output=True).stdout
        theirs.append(json.loads(told))
    # The run in the middle of each.
    our = sorted(ours, key=lambda run: run["index_event_microseconds_facts"])[len(ours) // 2]
    their = sorted(theirs, key=lambda run: run["evaluations_per_cpu_second"])[len(theirs) // 2]
    measure.keep("stix_patterns", {
        "musubi": our,
        "stix2": their,
        "ratios": {
            "read": round(our["parsed_per_cpu_second"] / their["parsed_per_cpu_second"]),
            "read_and_checked": round(
                1 / (1 / our["parsed_per_cpu_second"] + 1 / our["checked_per_cpu_second"]) / their["validated_per_cpu_second"]),
            "evaluations": round(our["evaluations_per_cpu_second_json"] / their["evaluations_per_cpu_second"]),
            "event_against_100000": round(their["event_against_100000_microseconds"] / our["index_event_microseconds_json"]),
        },
    })


if __name__ == "__main__":
    main()
