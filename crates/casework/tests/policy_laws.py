"""Are the laws of sharing true in EVERY universe, not only in those that a test has drawn?

    policy_laws.py prove           proves them with z3 (PyPI z3-solver)
    policy_laws.py compare FILE    decides each case of FILE, one JSON object a line, and compares with what our program decided

The rules are written once, over operations that z3 and plain Python both have: what is proved is what is compared. One holder,
one recipient; communities are sets of eight (the rules only ask whether sets meet), agreements three, of any kind.
"""

import json
import sys
import time

CLEAR, GREEN, AMBER, STRICT, RED = range(5)
DENIALS = ["expiry", "public", "embargo", "attribution-conflict", "tlp-red", "tlp-amber-strict", "tlp-amber", "tlp-green", "audience",
           "agreement", "resale", "encryption", "affected-party"]


class Plain:
    """Python's own operations."""

    AND = staticmethod(lambda *all: all_of(all))
    OR = staticmethod(lambda *all: any(all))
    NOT = staticmethod(lambda a: not a)
    IF = staticmethod(lambda c, a, b: a if c else b)


def all_of(values):
    return all(values)


# ---- the rules ------------------------------------------------------------------------------------------------------


def denials(o, t, c, agreements):
    """The conditions that deny, in the order in which they are asked."""
    community = o.IF(t["hascom"], c["hcom"] & c["tcom"] & t["com"], c["hcom"] & c["tcom"])
    passed = o.OR(t["rcp"], c["consent"])
    covered = o.OR(*[o.AND(a["covers"], t["tlp"] <= a["max"], a["from"] <= c["now"], c["now"] < a["until"]) for a in agreements], False)
    served = o.OR(c["same"], c["client"])
    return [
        c["now"] >= t["exp"],
        o.AND(c["public"], t["tlp"] > CLEAR),
        o.AND(c["now"] < t["emb"], o.NOT(c["provider"]), o.NOT(t["rcp"])),
        o.AND(o.NOT(t["named"]), o.NOT(t["anon"])),
        o.AND(o.NOT(passed), t["tlp"] == RED),
        o.AND(o.NOT(passed), t["tlp"] == STRICT, o.NOT(c["same"])),
        o.AND(o.NOT(passed), t["tlp"] == AMBER, o.NOT(served)),
        o.AND(o.NOT(passed), t["tlp"] == GREEN, o.NOT(served), community == 0),
        o.AND(t["hasaud"], o.NOT(t["inaud"])),
        o.AND(o.NOT(c["same"]), t["tlp"] > CLEAR, o.NOT(covered), o.NOT(t["rcp"])),
        o.AND(t["resale"], c["paying"]),
        o.AND(t["crypt"], o.NOT(c["encrypted"]), o.NOT(c["same"])),
        o.AND(t["notify"], o.NOT(c["unaffected"]), o.NOT(c["provider"]), o.NOT(t["rcp"])),
    ]


def redactions(o, t, c):
    """Provider identity, victim identity, personal data."""
    others = o.AND(o.NOT(c["provider"]), o.NOT(c["affected"]))
    return [o.AND(o.NOT(t["named"]), t["anon"], o.NOT(c["same"])), o.AND(t["vic"] == 2, others), o.AND(t["vic"] >= 1, others)]


def transfer(o, t, c):
    """Under which terms the recipient then holds it."""
    common = o.IF(t["hascom"], c["hcom"] & c["tcom"] & t["com"], c["hcom"] & c["tcom"])
    other = o.NOT(c["same"])
    green = o.AND(other, t["tlp"] == GREEN)
    strict = o.AND(other, o.OR(t["tlp"] == AMBER, o.AND(t["tlp"] == GREEN, common == 0)))
    return dict(t, tlp=o.IF(strict, STRICT, t["tlp"]), hascom=o.OR(t["hascom"], green), com=o.IF(green, common, t["com"]))


def join(o, a, b):
    def most(key):
        return o.IF(a[key] >= b[key], a[key], b[key])

    def both(flag, value):
        return o.IF(o.AND(a[flag], b[flag]), a[value] & b[value], o.IF(a[flag], a[value], b[value]))

    within = o.AND(o.OR(o.NOT(a["hasaud"]), a["inaud"]), o.OR(o.NOT(b["hasaud"]), b["inaud"]))
    joined = {key: most(key) for key in ("tlp", "pap", "act", "vic", "emb")}
    joined |= {key: o.OR(a[key], b[key]) for key in ("notify", "resale", "crypt", "hasaud", "hascom")}
    joined |= {key: o.AND(a[key], b[key]) for key in ("named", "anon", "rcp")}
    return joined | {"exp": o.IF(a["exp"] <= b["exp"], a["exp"], b["exp"]), "inaud": within, "com": both("hascom", "com")}


# ---- every universe -------------------------------------------------------------------------------------------------


def prove():
    import z3

    class Z3:
        AND, OR, NOT, IF = staticmethod(z3.And), staticmethod(z3.Or), staticmethod(z3.Not), staticmethod(z3.If)

    o, size = Z3, 8
    implies, no_community = z3.Implies, z3.BitVecVal(0, size)

    def terms(n):
        t = {key: z3.Int(n + key) for key in ("tlp", "pap", "act", "vic", "emb", "exp")}
        t |= {key: z3.Bool(n + key) for key in ("notify", "named", "anon", "resale", "crypt", "hasaud", "inaud", "hascom", "rcp")}
        t["com"] = z3.BitVec(n + "com", size)
        return t

    def formed(t):
        bounds = [("tlp", 4), ("pap", 3), ("act", 4), ("vic", 2)]
        # Without an audience everybody is in it; without a community its set says nothing.
        return z3.And(*[z3.And(t[k] >= 0, t[k] <= most) for k, most in bounds], z3.Or(t["hasaud"], t["inaud"]), z3.Or(t["hascom"], t["com"] == 0))

    def circumstances(n):
        c = {key: z3.Bool(n + key) for key in ("same", "client", "public", "provider", "affected", "unaffected", "consent", "paying", "encrypted")}
        return c | {"hcom": z3.BitVec(n + "hcom", size), "tcom": z3.BitVec(n + "tcom", size), "now": z3.Int(n + "now")}

    def possible(c):
        return z3.And(implies(c["same"], c["hcom"] == c["tcom"]), z3.Not(z3.And(c["affected"], c["unaffected"])))

    def agreement(n):
        return {"covers": z3.Bool(n + "covers"), "max": z3.Int(n + "max"), "from": z3.Int(n + "from"), "until": z3.Int(n + "until")}

    def leq(a, b):
        within = lambda x, y: (x & y) == x
        return z3.And(
            *[a[k] <= b[k] for k in ("tlp", "pap", "act", "vic", "emb")], b["exp"] <= a["exp"],
            *[implies(a[k], b[k]) for k in ("notify", "resale", "crypt", "hasaud", "hascom")],
            *[implies(b[k], a[k]) for k in ("named", "anon", "rcp", "inaud")],
            implies(a["hascom"], within(b["com"], a["com"])),
        )  # fmt: skip

    def same_terms(a, b):
        return z3.And(*[a[k] == b[k] for k in a])

    def never_more(strict, loose, c, ags, also=None):
        """What stricter terms give is no more than what looser ones give."""
        d_strict, d_loose = z3.Or(*denials(o, strict, c, ags)), z3.Or(*denials(o, loose, c, ags))
        hidden = z3.And(*[implies(l, s) for l, s in zip(redactions(o, loose, c), redactions(o, strict, c))])
        return z3.And(implies(d_loose, d_strict), implies(z3.Not(d_strict), hidden))

    failed = []

    def law(name, claim, *assumed):
        solver, start = z3.Solver(), time.time()
        solver.set("timeout", 60000)
        solver.add(*assumed, z3.Not(claim))
        answer = solver.check()
        word = "proved" if answer == z3.unsat else "COUNTEREXAMPLE" if answer == z3.sat else f"UNDECIDED: {solver.reason_unknown()}"
        print(f"{word:<15} {time.time() - start:5.2f} s  {name}")
        if answer != z3.unsat:
            failed.append(name)
        if answer == z3.sat:
            print("   ", {str(d): str(solver.model()[d]) for d in solver.model().decls()})

    a, b, d = terms("a_"), terms("b_"), terms("d_")
    c, ags = circumstances(""), [agreement(f"g{n}_") for n in range(3)]
    well = z3.And(formed(a), formed(b), formed(d), possible(c))
    deny = z3.Or(*denials(o, a, c, ags))
    open_ = z3.Not(deny)
    above = a["tlp"] > CLEAR
    ab = join(o, a, b)

    law("L1 join is associative", same_terms(join(o, ab, d), join(o, a, join(o, b, d))), well)
    law("L1 join is commutative", same_terms(ab, join(o, b, a)), well)
    law("L1 join is idempotent", same_terms(join(o, a, a), a), well)
    law("L1 join is at least as strict as both, and well formed", z3.And(leq(a, ab), leq(b, ab), formed(ab)), well)
    law("L1 join is the least such", leq(ab, d), well, leq(a, d), leq(b, d))
    law("L2 tightening never widens nor drops a redaction", never_more(b, a, c, ags), well, leq(a, b))
    law("L3 derived data is never freer than a source", z3.And(never_more(ab, a, c, ags), never_more(ab, b, c, ags)), well)
    named = z3.Or(a["rcp"], c["consent"])
    law("L4 AMBER+STRICT stays in the organisation", implies(z3.And(a["tlp"] == STRICT, open_), z3.Or(c["same"], named)), well)
    law("L5 RED reaches named recipients only", implies(z3.And(a["tlp"] == RED, open_), named), well)
    law("L6 nothing above CLEAR reaches the public", implies(z3.And(above, open_), z3.Not(c["public"])), well)
    law("L7 attribution MUST NOT hides the provider outside",
        implies(z3.And(open_, z3.Not(a["named"]), z3.Not(c["same"])), redactions(o, a, c)[0]), well)  # fmt: skip
    law("L8 nothing at or after expiry", implies(c["now"] >= a["exp"], deny), well)
    law("L8 nothing before the embargo ends, but to provider and named",
        implies(z3.And(open_, c["now"] < a["emb"]), z3.Or(c["provider"], a["rcp"])), well)  # fmt: skip
    law("L9 removing an agreement never widens", implies(deny, z3.Or(*denials(o, a, c, ags[:2]))), well)
    in_force = z3.Or(*[z3.And(g["covers"], a["tlp"] <= g["max"], g["from"] <= c["now"], c["now"] < g["until"]) for g in ags])
    law("L9 across organisations above CLEAR: an agreement in force or a named recipient",
        implies(z3.And(open_, above, z3.Not(c["same"])), z3.Or(in_force, a["rcp"])), well)  # fmt: skip
    asked = denials(o, a, c, ags)
    decisive = [z3.And(rule, *[z3.Not(earlier) for earlier in asked[:n]]) for n, rule in enumerate(asked)]
    law("L10 a denial has exactly one decisive reason, an allowance none", z3.Sum([z3.If(r, 1, 0) for r in decisive]) == z3.If(deny, 1, 0), well)

    after = transfer(o, a, c)
    law("L11 what is handed on is held under terms that are no looser", leq(a, after), well)
    second, gives = circumstances("second_"), [agreement(f"h{n}_") for n in range(3)]
    law("L11 stricter terms at the source never widen the second hop", never_more(transfer(o, b, c), transfer(o, a, c), second, gives),
        well, possible(second), leq(a, b), second["hcom"] == c["tcom"])  # fmt: skip
    # Any number of hops, by induction over this invariant of a holder other than the first: it holds it as AMBER+STRICT or
    # stricter, or as GREEN bound to communities of the first holder of which it is a member.
    first = z3.Bool("first")
    origin = z3.BitVec("origin", size)

    def invariant(is_first, t, com):
        bound = z3.And(t["tlp"] == GREEN, t["hascom"], (t["com"] & origin) == t["com"], (t["com"] & com) != no_community)
        at_start = z3.And(is_first, origin == z3.If(t["hascom"], t["com"] & com, com))
        return z3.Or(at_start, t["tlp"] >= STRICT, bound)

    hop = [well, above, invariant(first, a, c["hcom"]), open_, z3.Not(c["consent"]), z3.Not(c["same"])]
    member = z3.Or(first, (c["hcom"] & origin) != no_community)
    reached = z3.Or((c["tcom"] & origin) != no_community, z3.And(c["client"], member), a["rcp"])
    law("L11 each hop reaches a member of the first holder's community, a client of such a member or of its own, or a named recipient", reached, *hop)
    law("L11 and whoever was reached holds it so again, so that it is true of every chain", invariant(False, after, c["tcom"]), *hop)

    known = z3.Bool("shown")
    hides = [z3.Bool(f"hides{n}") for n in range(3)]

    def shown(before, redacted):
        return z3.And(before, z3.Not(z3.Or(*[z3.And(r, h) for r, h in zip(redacted, hides)])))

    loose, strict = redactions(o, a, c), redactions(o, b, c)
    law("L12 redacting twice is redacting once", shown(shown(known, loose), loose) == shown(known, loose), well)
    law("L12 stricter terms show no column more", implies(shown(known, strict), shown(known, loose)), well, leq(a, b),
        z3.Not(z3.Or(*denials(o, b, c, ags))))  # fmt: skip
    after_b = transfer(o, b, c)
    law("L14 obligations of stricter terms bind at least as much", z3.And(after["pap"] <= after_b["pap"], after["act"] <= after_b["act"],
        after["tlp"] <= after_b["tlp"], *[implies(after[k], after_b[k]) for k in ("resale", "crypt", "notify")]), well, leq(a, b))  # fmt: skip
    law("L14 obligations of derived data bind as those of each source",
        z3.And(ab["pap"] >= a["pap"], ab["act"] >= a["act"], ab["pap"] >= b["pap"], ab["act"] >= b["act"]), well)  # fmt: skip
    # The laws say something: a rule left out would be noticed.
    solver = z3.Solver()
    solver.add(well, leq(a, b), open_, z3.Or(*denials(o, b, c, ags)))
    if solver.check() != z3.sat:
        failed.append("there are terms whose tightening denies")
    print(f"{len(failed)} failed")
    return failed


# ---- the same rules as our program ----------------------------------------------------------------------------------


def compare(path):
    cases, different = 0, []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            case = json.loads(line)
            t, c, ags = case["terms"], case["circumstances"], case["agreements"]
            reasons = [name for name, denies in zip(DENIALS, denials(Plain, t, c, ags)) if denies]
            after = transfer(Plain, t, c)
            ours = {
                "denial": reasons[0] if reasons else None,
                "redactions": [] if reasons else [bool(r) for r in redactions(Plain, t, c)],
                "transfer": [after["tlp"], after["hascom"], after["com"] if after["hascom"] else 0],
                "join": join(Plain, t, case["other"]),
            }
            theirs = {key: case[key] for key in ours}
            cases += 1
            if ours != theirs:
                different.append((case, ours))
    print(f"{cases} cases, {len(different)} different")
    for case, ours in different[:3]:
        print(json.dumps(case), "\n  here:", json.dumps(ours))
    return different or ([] if cases else ["no cases"])


if __name__ == "__main__":
    sys.exit(1 if (compare(sys.argv[2]) if sys.argv[1] == "compare" else prove()) else 0)
