#!/usr/bin/env python3
"""How many STIX objects does a core read and check in a second, beside the validator and the library of OASIS (PyPI stix2-validator, stix2)?

    cargo build --release -p formats --example stix_speed
    bench/stix.py --speed target/release/examples/stix_speed --python VENV/bin/python3

All read the same objects, in turn; the others fewer of them, as they need longer. Without --python only our side is measured.
"""

import argparse
import json
import os
import subprocess
import tempfile

import measure

# Reads the bundle, then does one thing with each object, and says how many objects it did in a second of its own CPU time.
PEER = """
import json, logging, sys, time
logging.disable(logging.CRITICAL)
import stix2, stix2validator
what, path, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
objects = json.load(open(path, encoding="utf-8"))["objects"][:count]
options = stix2validator.ValidationOptions(version="2.1")
work = {
    "parse": lambda o: stix2.parse(o, allow_custom=True),
    "validate": lambda o: stix2validator.validate_instance(o, options).is_valid or sys.exit("refused " + o["id"]),
}[what]
work(objects[0])
began = time.process_time()
for each in objects:
    work(each)
print(round(len(objects) / (time.process_time() - began)))
"""


def peer(python, what, path, count):
    return int(subprocess.run([python, "-c", PEER, what, path, str(count)], check=True, stdout=subprocess.PIPE, text=True).stdout)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--speed", required=True, help="the example stix_speed of formats, a release build")
    options.add_argument("--python", help="a Python with stix2 and stix2-validator")
    options.add_argument("--objects", type=int, default=20000)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "bundle.json")
        ours = json.loads(measure.run([given.speed, str(given.objects), path], stdout=subprocess.PIPE)["output"])
        rates = ours["objects_per_cpu_second"]
        result = {"ours": ours}
        if given.python:
            versions = subprocess.run(
                [given.python, "-m", "pip", "list", "--format", "json"], check=True, stdout=subprocess.PIPE, text=True
            ).stdout
            result["peer_versions"] = {p["name"]: p["version"] for p in json.loads(versions) if p["name"] in ("stix2", "stix2-validator")}
            parse, validate = peer(given.python, "parse", path, 2000), peer(given.python, "validate", path, 400)
            result["peer_objects_per_cpu_second"] = {"stix2.parse": parse, "stix2-validator": validate}
            result["times_faster"] = {
                "header beside stix2.parse": round(rates["header"] / parse),
                "must beside stix2-validator": round(rates["header_and_must"] / validate),
                "full beside stix2-validator": round(rates["header_and_full"] / validate),
            }
    measure.keep("stix", result)


if __name__ == "__main__":
    main()
