#!/usr/bin/env python3
"""Values held against warning lists: Musubi, and pymispwarninglists in both of its modes, on the lists of that package, in one run.

    cargo build --release -p casework --example warning_speed
    bench/warning_lists.py --speed target/release/examples/warning_speed

pymispwarninglists (PyPI) is installed into a virtual environment under --work on first use. Both get the same values, drawn from the lists with a
fixed seed and mixed with values on no list, and hold each against every list, whatever attribute types it names. Its mode `slow_search` is the one that
means the same as ours; it is asked fewer values, because it takes a second for a handful. What it finds is compared list by list.
"""

import argparse
import json
import os
import pathlib
import subprocess
import venv

import measure

PEER = r'''
import json, random, resource, sys
from pathlib import Path
import pymispwarninglists
from pymispwarninglists import WarningLists

def cpu():
    r = resource.getrusage(resource.RUSAGE_SELF)
    return r.ru_utime + r.ru_stime

def rss():
    return int(open('/proc/self/statm').read().split()[1]) * 4096

folder, values_file, number, slow_number = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
if number:
    rng, values = random.Random(7), []
    for path in sorted(Path(folder).glob('*/list.json')):
        written = json.load(open(path, encoding='utf-8'))
        for entry in rng.sample(written['list'], min(len(written['list']), 40)):
            if written['type'] == 'hostname':
                entry = rng.choice(['', 'www.']) + entry.lstrip('.').lower()
            elif written['type'] == 'cidr':
                entry = entry.split('/')[0]
            elif written['type'] == 'regex':
                continue
            if written['type'] in ('hostname', 'substring') and rng.random() < 0.3:
                entry = f'http://{entry}/a?b=1'
            if entry and entry.isascii() and '\n' not in entry and entry == entry.strip():
                values.append(entry)
    while len(values) < number:
        values.append(rng.choice([
            '.'.join(str(rng.randrange(256)) for _ in range(4)),
            f'{rng.getrandbits(40):x}.example.com',
            f'http://{rng.getrandbits(40):x}.example.net/{rng.getrandbits(32):x}',
            f'{rng.getrandbits(256):064x}',
        ]))
    rng.shuffle(values)
    Path(values_file).write_text(''.join(value + '\n' for value in values))
values = Path(values_file).read_text().split('\n')[:-1]
out = {'version': __import__('importlib.metadata').metadata.version('pymispwarninglists')}
for mode, slow, asked in (('fast', False, values), ('slow', True, values[:slow_number])):
    start = cpu()
    lists = WarningLists(slow_search=slow)
    load = cpu() - start
    start = cpu()
    found = [sorted(w.name for w in lists.search(value)) for value in asked]
    spent = cpu() - start
    out[mode] = {'load_cpu_s': load, 'asked': len(asked), 'look_ups_per_cpu_s': len(asked) / spent, 'values_that_hit': sum(1 for f in found if f),
                 'hits': sum(map(len, found)), 'rss_bytes': rss()}
    if slow:
        json.dump(dict(zip(asked, found)), open(values_file + '.found', 'w'))
print(json.dumps(out))
'''


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--speed', required=True, help='the example warning_speed')
    parser.add_argument('--work', default=os.path.expanduser('~/.cache/musubi-bench'))
    parser.add_argument('--values', type=int, default=20000)
    parser.add_argument('--slow', type=int, default=300, help='values for the slow mode of the peer')
    args = parser.parse_args()
    place = os.path.join(args.work, 'warning-lists')
    python = os.path.join(place, 'venv', 'bin', 'python')
    if not os.path.exists(python):
        venv.create(os.path.join(place, 'venv'), with_pip=True)
        subprocess.run([python, '-m', 'pip', 'install', '-q', 'pymispwarninglists'], check=True)
    where = subprocess.run([python, '-c', 'import pymispwarninglists as p; print(p.__path__[0])'], check=True, capture_output=True, text=True)
    lists = os.path.join(where.stdout.strip(), 'data', 'misp-warninglists', 'lists')
    values = os.path.join(place, 'values.txt')
    peer = subprocess.run([python, '-c', PEER, lists, values, str(args.values), str(args.slow)], check=True, capture_output=True, text=True)
    peer = json.loads(peer.stdout)
    ours = json.loads(subprocess.run([args.speed, lists, values], check=True, capture_output=True, text=True).stdout)
    made_up = json.loads(subprocess.run([args.speed], check=True, capture_output=True, text=True).stdout)
    by_kind = json.loads(subprocess.run([args.speed, lists], check=True, capture_output=True, text=True).stdout)
    found = subprocess.run([args.speed, lists, values, 'say'], check=True, capture_output=True, text=True).stdout
    # The peer does not evaluate expressions at all.
    written = (json.loads(path.read_text(encoding="utf-8")) for path in pathlib.Path(lists).glob("*/list.json"))
    expressions = {one["name"] for one in written if one["type"] == "regex"}
    ours_found = {}
    for line in found.split("\n")[:-1]:
        value, *names = line.split("\t")
        ours_found[value] = set(names) - expressions - {""}
    theirs_found = json.load(open(values + '.found', encoding='utf-8'))
    more = {value: sorted(ours_found.get(value, set()) - set(names)) for value, names in theirs_found.items()}
    less = {value: sorted(set(names) - ours_found.get(value, set())) for value, names in theirs_found.items()}
    result = {
        "musubi": ours,
        "musubi_values_of_known_kinds": by_kind,
        "musubi_made_up_lists": made_up,
        "pymispwarninglists": peer,
        "ratio_to_slow_mode": round(ours["look_ups_per_cpu_s"] / peer["slow"]["look_ups_per_cpu_s"]),
        "ratio_to_fast_mode": round(ours["look_ups_per_cpu_s"] / peer["fast"]["look_ups_per_cpu_s"], 1),
        "compared_with_slow_mode": {
            "values": len(theirs_found),
            "without": sorted(expressions),
            "same": sum(1 for value in theirs_found if not more[value] and not less[value]),
            "we_find_more": {value: names for value, names in more.items() if names},
            "we_find_less": {value: names for value, names in less.items() if names},
        },
    }
    measure.keep("warning_lists", result)


if __name__ == "__main__":
    main()
