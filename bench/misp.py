#!/usr/bin/env python3
"""PyMISP, misp-stix and Musubi side by side, in one run, on the same MISP events.

    bench/misp.py --speed target/release/examples/misp_speed --events FOLDER

FOLDER holds events, one `{"Event": …}` in a file. PyMISP and misp-stix come from PyPI into ~/.cache/musubi-bench/misp (or --venv). Counted are CPU
seconds of the work alone, without the start of Python and its imports; attributes a CPU second, those of objects included. misp-stix gets
the events up to --largest bytes, for its cost grows faster than they do; what is left out is said.
"""

import argparse
import glob
import json
import os
import subprocess
import sys
import time

import measure

PEERS = ["pymisp", "misp-stix"]


def attributes_of(event):
    event = event["Event"]
    return len(event.get("Attribute") or []) + sum(len(one.get("Attribute") or []) for one in event.get("Object") or [])


def cost(work):
    before = time.process_time()
    work()
    return time.process_time() - before


def best(work, times):
    """The least of several: what else the machine does can only add."""
    return min(cost(work) for _ in range(times))


def peers(folder, largest, times):
    """Runs inside the Python that has the peers."""
    import importlib.metadata
    import logging
    import warnings

    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    from misp_stix_converter import InternalSTIX2toMISPParser, MISPtoSTIX21Parser
    from pymisp import MISPEvent

    texts = [open(path, encoding="utf-8").read() for path in sorted(glob.glob(os.path.join(folder, "*.json")))]
    total = sum(attributes_of(json.loads(text)) for text in texts)
    loaded = []

    def parse():
        loaded.clear()
        for text in texts:
            event = MISPEvent()
            event.load(text)
            loaded.append(event)

    parse_s = best(parse, times)
    write_s = best(lambda: [event.to_json() for event in loaded], times)
    small = [text for text in texts if len(text) <= largest]
    fewer = sum(attributes_of(json.loads(text)) for text in small)
    bundles, back, failed = [], [], []

    def to_stix():
        for text in small:
            parser = MISPtoSTIX21Parser()
            try:
                parser.parse_misp_event(json.loads(text))
                bundles.append(parser.bundle.serialize())
            except Exception as error:  # a failure of the peer is a result
                failed.append(repr(error)[:200])

    def from_stix():
        import stix2

        for text in bundles:
            parser = InternalSTIX2toMISPParser()
            try:
                parser.load_stix_bundle(stix2.parse(text, allow_custom=True))
                parser.parse_stix_bundle()
                back.append(parser.misp_event)
            except Exception as error:
                failed.append(repr(error)[:200])

    to_s, from_s = cost(to_stix), cost(from_stix)
    returned = sum(len(event.attributes) + sum(len(one.attributes) for one in event.objects) for event in back)
    print(json.dumps({
        "versions": {name: importlib.metadata.version(name) for name in [*PEERS, "stix2"]}, "events": len(texts), "attributes": total,
        "stix_events": len(small), "stix_attributes": fewer, "stix_left_out": len(texts) - len(small), "stix_failed": failed,
        "attributes_back_from_stix": returned,
        "attributes_per_cpu_second": {
            "parse": round(total / parse_s), "write": round(total / write_s), "to_stix": round(fewer / to_s), "from_stix": round(returned / from_s) if returned else None,
        },
    }))  # fmt: skip


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--speed", help="the example misp_speed of formats, built with --release")
    options.add_argument("--events", required=True, help="a folder of events")
    options.add_argument("--venv", default=os.path.expanduser("~/.cache/musubi-bench/misp"))
    options.add_argument("--largest", type=int, default=330_000, help="bytes of an event that misp-stix gets")
    options.add_argument("--times", type=int, default=3)
    options.add_argument("--peers", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.peers:
        peers(given.events, given.largest, given.times)
        return
    python = os.path.join(given.venv, "bin", "python")
    if subprocess.run([python, "-c", "import pymisp, misp_stix_converter"], stderr=subprocess.DEVNULL, check=False).returncode != 0 if os.path.exists(python) else True:
        subprocess.run([sys.executable, "-m", "venv", given.venv], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True)
    command = [python, os.path.abspath(__file__), "--peers", "--events", given.events, "--largest", str(given.largest), "--times", str(given.times)]
    theirs = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])
    result = {"peers": theirs}
    if given.speed:
        ours = json.loads(subprocess.run([given.speed, given.events], check=True, stdout=subprocess.PIPE, text=True).stdout)
        made_up = json.loads(subprocess.run([given.speed], check=True, stdout=subprocess.PIPE, text=True).stdout)
        rates, others = ours["attributes_per_cpu_second"], theirs["attributes_per_cpu_second"]
        result |= {"musubi": ours, "musubi_made_up": made_up, "ratio": {key: round(rates[key] / others[key], 1) for key in rates if others[key]}}
    measure.keep("misp", result)


if __name__ == "__main__":
    main()
