#!/usr/bin/env python3
"""A million events become digests for five thousand parties: planned, decided, written, signed, encrypted, logged, ready to be sent.

    bench/notices.py --musubi target/release/musubi

Addresses are those of 100.64.0.0/10 (RFC 6598), which nobody has; every party answers for a /23 of it and has a key of its own kind
(Ed25519 and X25519; the same key for all, since only the work counts). Nothing is sent.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import tempfile

import measure

HEADER = '"timestamp","protocol","src_ip","src_port","src_asn","src_geo","src_hostname","dst_ip","dst_port","infection","family"\n'


def address(number):
    return f"100.{64 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--musubi", required=True, help="a release build")
    options.add_argument("--parties", type=int, default=5000)
    options.add_argument("--events", type=int, default=1_000_000)
    given = options.parse_args()
    binary = os.path.abspath(given.musubi)
    work = tempfile.mkdtemp(prefix="musubi-notices-")
    home = os.path.join(work, "home")
    base = [binary, "--home", home, "--json"]
    os.makedirs(home)
    with open(os.path.join(home, "config.toml"), "w", encoding="utf-8") as out:
        out.write('[mail]\nfrom = "csirt@csirt.example"\norganisation = "Example CSIRT"\nreply_to = "notice@csirt.example"\n')
    key = subprocess.run([binary, "--home", home, "key", "show"], check=True, capture_output=True, text=True).stdout
    with open(os.path.join(work, "parties.toml"), "w", encoding="utf-8") as out:
        out.write('[[party]]\nid = "us"\nname = "Us"\nkind = "national-csirt"\nnation = "JP"\nown = true\ncommunities = ["watch"]\n')
        for n in range(given.parties):
            out.write(
                f'[[party]]\nid = "isp-{n}"\nname = "ISP {n}"\nkind = "provider"\nnation = "JP"\nclients_of = ["us"]\ncommunities = ["watch"]\n'
                f'networks = ["{address(n * 512)}/23"]\n[[party.contact]]\nrole = "abuse"\nlanguage = "{"ja" if n % 2 else "en"}"\n'
                f'address = "abuse@isp-{n}.example"\nopenpgp_key = """\n{key}"""\n'
            )
        out.write(
            '[[agreement]]\nid = "watch"\nname = "Watch"\nkind = "public-private"\ncommunities = ["watch"]\nmax_tlp = "AMBER"\n'
            'purposes = ["notify"]\nreference = "x"\n'
        )
    imported = measure.run([*base, "party", "import", os.path.join(work, "parties.toml")])
    chance = random.Random(7)
    report = os.path.join(work, "event4_sinkhole.csv")
    with open(report, "w", encoding="utf-8") as out:
        out.write(HEADER)
        for n in range(given.events):
            party = n % given.parties
            ip = address(party * 512 + chance.randrange(512))
            out.write(
                f'"2026-11-20 {chance.randrange(24):02}:{chance.randrange(60):02}:{chance.randrange(60):02}","tcp","{ip}",{chance.randrange(1024, 65536)},'
                f'64500,"JP","host-{n}.isp-{party}.example","198.51.100.1",80,"mirai","{chance.choice(["mirai", "hajime", "mozi", "gafgyt"])}"\n'
            )
    ingested = measure.run([*base, "ingest", "--tlp", "amber", report])
    prepared = measure.run([*base, "notice", "prepare", "--at-once"], stdout=subprocess.PIPE)
    released = measure.run([*base, "notice", "release"], stdout=subprocess.PIPE)
    told = json.loads(prepared.pop("output"))
    gone = json.loads(released.pop("output"))
    result = {
        "parties": given.parties,
        "events": told["events"],
        "subjects": told["new"],
        "digests_released": len(gone["released"]),
        "import_parties": imported,
        "ingest": ingested,
        "prepare": prepared,
        "release": released,
        "prepare_and_release_wall_s": round(prepared["wall_s"] + released["wall_s"], 3),
        "must_wall_s": 10,
        "aim_wall_s": 3,
        "register_mb": round(os.path.getsize(os.path.join(home, "register.db")) / 1e6, 1),
    }
    verified = measure.run([*base, "log", "verify"])
    result["log_verify"] = verified
    shutil.rmtree(work)
    measure.keep("notices", result)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
