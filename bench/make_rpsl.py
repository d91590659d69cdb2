#!/usr/bin/env python3
"""Writes a RIPE-style split file of any size, the same every time: make_rpsl.py OBJECTS > dump.txt

For every hundred objects about 83 inetnum, 10 inet6num, 3 aut-num, 2 organisations and 2 roles, so 5,000,000 objects are about 2 GB.
Allocations of /16 hold assignments inside them; a third of the assignments name a contact of their own, a third an organisation,
a third nothing, so that references, climbing and the registry's own networks all occur. Addresses of 1.0.0.0 to 239.255.255.255
are used up and then used again in smaller pieces; nothing in it is anybody's.
"""
import sys

OBJECTS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
CONTACTS = max(1, OBJECTS // 50)
FILLER = (
    "remarks:        ------------------------------------------------\n"
    "remarks:        Synthetic object, made for measurements only\n"
)
COUNTRIES = ["DE", "FR", "NL", "JP", "GB", "IT", "PL", "SE"]


def v4(n):
    return f"{n >> 24}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"


def tail(n):
    return (
        "status:         ASSIGNED PA\n"
        f"mnt-by:         MNT-{n % 9973}\n"
        "created:        2012-03-04T05:06:07Z\n"
        "last-modified:  2024-05-06T07:08:09Z\n"
        "source:         RIPE\n\n"
    )


def who(n):
    kind = n % 3
    if kind == 0:
        return f"abuse-c:        AC{n * 7919 % CONTACTS}-RIPE\n"
    if kind == 1:
        return f"org:            ORG-S{n * 104729 % CONTACTS}-RIPE\n"
    return ""


def main():
    out = []
    write = sys.stdout.write
    write("# Synthetic; layout of the split files of a registry\n\n")
    nets, nets6, asns, orgs, roles = 0, 0, 0, 0, 0
    for n in range(OBJECTS):
        slot = n % 100
        if slot < 83:
            if nets % 250 == 0:
                block = nets // 250 % (239 * 256)
                first, last = (256 + block) << 16, (256 + block) << 16 | 0xFFFF
                text = f"org:            ORG-S{nets * 31 % CONTACTS}-RIPE\n" if nets % 500 == 0 else "mnt-by:         RIPE-NCC-HM-MNT\n"
            else:
                block = nets // 250 % (239 * 256)
                size = (256, 64, 16, 8)[nets % 4]
                first = (256 + block) << 16 | nets % 250 << 8 | (nets // 250 // (239 * 256)) * 8 % 256
                first &= ~(size - 1)
                last, text = first + size - 1, who(nets)
            out.append(
                f"inetnum:        {v4(first)} - {v4(last)}\nnetname:        NET-{nets}\ndescr:          Synthetic network {nets}\n{FILLER}"
                f"country:        {COUNTRIES[nets % 8]}\nadmin-c:        AC{nets % CONTACTS}-RIPE\ntech-c:         AC{nets % CONTACTS}-RIPE\n{text}{tail(nets)}"
            )
            nets += 1
        elif slot < 93:
            out.append(
                f"inet6num:       2a{nets6 >> 24 & 255:02x}:{nets6 >> 8 & 0xffff:x}:{(nets6 & 255) << 8:x}::/{40 if nets6 % 256 == 0 else 48}\nnetname:        NET6-{nets6}\n"
                f"descr:          Synthetic network {nets6}\n{FILLER}country:        {COUNTRIES[nets6 % 8]}\n{who(nets6)}{tail(nets6)}"
            )
            nets6 += 1
        elif slot < 96:
            out.append(f"aut-num:        AS{100_000 + asns}\nas-name:        AS-{asns}\n{FILLER}{who(asns)}{tail(asns)}")
            asns += 1
        elif slot < 98:
            c = orgs
            out.append(
                f"organisation:   ORG-S{c}-RIPE\norg-name:       Synthetic Organisation {c} GmbH\norg-type:       OTHER\naddress:        Street {c}\n"
                f"country:        {COUNTRIES[c % 8]}\nabuse-c:        AC{c}-RIPE\ne-mail:         office@org{c}.example\n{tail(c)}"
            )
            orgs += 1
        else:
            c = roles
            out.append(
                f"role:           Abuse Desk {c}\naddress:        Street {c}\ne-mail:         noc@org{c}.example\nnic-hdl:        AC{c}-RIPE\n"
                f"abuse-mailbox:  abuse@org{c}.example\n{tail(c)}"
            )
            roles += 1
        if len(out) == 10_000:
            write("".join(out))
            out.clear()
    write("".join(out))


main()
