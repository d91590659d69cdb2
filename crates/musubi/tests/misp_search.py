"""What a script asks of a MISP with PyMISP, filter by filter: base URL, key of who gives, key of who reads. Fails with what differs."""

import logging
import sys
import time
from datetime import datetime, timedelta, timezone

from pymisp import MISPEvent, MISPObject, MISPSighting, PyMISP

logging.disable(logging.CRITICAL)
base, giver, reader = sys.argv[1:4]
alpha, beta = PyMISP(base, giver), PyMISP(base, reader)
failed = []


def same(what, got, expected):
    if got != expected:
        failed.append(f"{what}: {got!r} and not {expected!r}")


def event(info, date, threat, tags, attributes):
    made = MISPEvent()
    made.info, made.date, made.distribution, made.threat_level_id, made.analysis = info, date, 3, threat, 2
    for tag in tags:
        made.add_tag(tag)
    for kind, value, more in attributes:
        made.add_attribute(kind, value, **more)
    return made


first = event(
    "first", "2026-01-10", 1, ["tlp:green", "group:one"],
    [
        ("ip-dst", "198.51.100.1", {"comment": "sinkholed"}),
        ("domain", "one.example", {"to_ids": True}),
        ("md5", "c" * 32, {}),
        ("text", "one of many", {"to_ids": False}),
    ],
)
file = MISPObject("file", standalone=False)
file.add_attribute("filename", value="first.exe")
file.add_attribute("sha256", value="1" * 64)
first.add_object(file)
second = event(
    "second", "2026-02-10", 2, ["tlp:clear", "group:two"],
    [("ip-src", "198.51.100.2", {}), ("url", "http://two.example/a", {}), ("domain", "two.example", {}), ("email-src", "x@two.example", {})],
)
third = event("third, and last", "2026-03-10", 3, ["tlp:green", "group:two"], [("domain", f"d{n:02}.three.example", {}) for n in range(25)])
first, second, third = (alpha.add_event(one, pythonify=True) for one in (first, second, third))
for one in (first, second, third):
    assert isinstance(one, MISPEvent), one
time.sleep(1.1)
began = int(time.time())


def infos(**search):
    found = beta.search(pythonify=True, **search)
    return sorted(one.info.split(",")[0] for one in found) if isinstance(found, list) else found


def values(**search):
    found = beta.search("attributes", pythonify=True, **search)
    return sorted(one.value for one in found) if isinstance(found, list) else found


everything = ["first", "second", "third"]
# Events by what is in them, and by what they are.
same("all", infos(), everything)
same("by type", infos(type_attribute="ip-src"), ["second"])
same("by types", infos(type_attribute=["ip-src", "ip-dst"]), ["first", "second"])
same("not by type", infos(type_attribute={"NOT": ["domain"]}), ["first", "second"])
same("by category", infos(category="Payload delivery"), ["first", "second"])
same("by value", infos(value="one.example"), ["first"])
same("by values", infos(value=["one.example", "two.example"]), ["first", "second"])
same("by part", infos(value="%.example"), everything)
same("by object", infos(object_name="file"), ["first"])
same("by id", infos(eventid=first.id), ["first"])
same("by ids", infos(eventid=[first.id, third.id]), ["first", "third"])
same("by uuid", infos(uuid=second.uuid), ["second"])
same("by uuids", infos(uuid=[second.uuid, third.uuid]), ["second", "third"])
same("by words of the title", infos(eventinfo="%and last%"), ["third"])
same("by date from", infos(date_from="2026-02-01"), ["second", "third"])
same("by date to", infos(date_to="2026-02-01"), ["first"])
same("by dates", infos(date_from="2026-02-01", date_to="2026-02-28"), ["second"])
same("by age", infos(timestamp="1d"), everything)
same("by what is to come", infos(timestamp=began + 3600), [])
same("between", infos(timestamp=[began - 3600, began + 3600]), everything)
same("by organisation", infos(org="Alpha"), everything)
same("not by organisation", infos(org="!Alpha"), [])
same("by tag", infos(tags="group:two"), ["second", "third"])
same("by tags", infos(tags=["group:one", "tlp:clear"]), ["first", "second"])
same("by part of a tag", infos(tags="group:%"), everything)
query = beta.build_complex_query(or_parameters=["group:one", "group:two"], not_parameters=["tlp:clear"])
same("or, and not", infos(tags=query), ["first", "third"])
query = beta.build_complex_query(and_parameters=["group:two", "tlp:green"])
same("and", infos(tags=query), ["third"])
same("everywhere", infos(searchall="two.example"), ["second"])
same("not published", infos(published=False), everything)
same("published", infos(published=True), [])
whole = beta.search(eventid=first.id, metadata=True, pythonify=True)
same("without attributes", [len(one.attributes) for one in whole], [0])
same("a key that is none", beta.direct_call("events/restSearch", {"no_such_filter": 1}).get("errors", [0])[0], 400)

# Pages of events: each once, in an order that stands.
seen = [one.uuid for page in (1, 2, 3, 4) for one in beta.search(limit=1, page=page, pythonify=True)]
same("pages of events", sorted(seen), sorted(one.uuid for one in (first, second, third)))

# Attributes.
same("attributes by type", values(type_attribute="md5"), ["c" * 32])
same("attributes for detection", values(eventid=first.id, to_ids=True, type_attribute=["domain", "text"]), ["one.example"])
same("attributes by category", values(category="Network activity", eventid=second.id, type_attribute="url"), ["http://two.example/a"])
same("attributes by comment", values(comment="%sinkholed%"), ["198.51.100.1"])
same("attributes by the tag of their event", values(tags="group:one", type_attribute="domain"), ["one.example"])
same("attributes of an object", values(object_name="file"), sorted(["first.exe", "1" * 64]))
same("attributes but one", values(eventid=first.id, value={"NOT": ["one.example"]}, type_attribute="domain"), [])
same("attributes by part", len(values(value="%.three.example")), 25)
pages = []
for page in range(1, 5):
    found = beta.search("attributes", value="%.three.example", limit=10, page=page, pythonify=True)
    pages.append([one.value for one in found])
same("pages of attributes", [len(page) for page in pages], [10, 10, 5, 0])
same("each attribute once", sorted(sum(pages, [])), sorted(f"d{n:02}.three.example" for n in range(25)))
tagged = beta.search("attributes", value="one.example", include_event_tags=True, pythonify=True)
same("tags of the event beside", "group:one" in [tag.name for tag in tagged[0].tags] or "group:one" in str(tagged[0].to_json()), True)
context = beta.search("attributes", value="one.example", include_context=True)
same("the event beside", context["Attribute"][0]["Event"]["info"], "first")
csv = beta.search("attributes", return_format="csv", type_attribute="ip-src", requested_attributes=["value", "type"], headerless=True)
same("csv", csv.strip().replace('"', ""), "198.51.100.2,ip-src")
same("text", sorted(beta.search("attributes", return_format="text", type_attribute=["ip-src", "ip-dst"]).split()), ["198.51.100.1", "198.51.100.2"])
bundle = beta.search("attributes", return_format="stix2", value="one.example")
same("stix", bundle.get("type"), "bundle")

# The index of events.
index = lambda **search: sorted(one.info.split(",")[0] for one in beta.search_index(pythonify=True, **search))
same("index", index(), everything)
same("index by title", index(eventinfo="second"), ["second"])
same("index by tag", index(tags="group:two"), ["second", "third"])
same("index by dates", index(date_from="2026-01-01", date_to="2026-01-31"), ["first"])
same("index by attribute", index(attribute="one.example"), ["first"])
same("pages of the index", len(beta.search_index(limit=2, page=1, pythonify=True)), 2)

# Tags: what is there stays there, what is not there cannot be taken away.
domain = next(one for one in first.attributes if one.type == "domain")
for _ in range(2):
    same("tagging", "errors" in alpha.tag(domain, "stage:c2"), False)
got = alpha.get_attribute(domain, pythonify=True)
same("tagged once", [tag.name for tag in got.tags if tag.name == "stage:c2"], ["stage:c2"])
same("by the tag of an attribute", values(tags="stage:c2"), ["one.example"])
same("not by the tag of an event alone", infos(event_tags="stage:c2"), [])
same("untagging", "errors" in alpha.untag(domain, "stage:c2"), False)
same("untagging what is not tagged", "errors" in alpha.untag(domain, "stage:c2"), True)
same("searching tags", sorted(tag.name for tag in beta.search_tags("group:%", pythonify=True)), ["group:one", "group:two"])

# Sightings of each kind.
for kind in ("0", "1", "2"):
    sighting = MISPSighting()
    sighting.from_dict(value="one.example", type=kind, source=f"sensor {kind}")
    same(f"sighting of type {kind}", getattr(beta.add_sighting(sighting, pythonify=True), "type", None), kind)
old = int((datetime.now(timezone.utc) - timedelta(days=30)).timestamp())
same("an old sighting", "errors" in beta.add_sighting({"values": ["one.example"], "timestamp": old}), False)
found = lambda **search: sorted(one["sighting"].type for one in beta.search_sightings("attribute", domain.id, pythonify=True, **search))
same("sightings", found(), ["0", "0", "1", "2"])
same("sightings of a type", found(type_sighting="1"), ["1"])
same("sightings of a source", found(source="sensor 2"), ["2"])
same("new sightings", found(date_from=str(began)), ["0", "1", "2"])
same("sightings of an event", len(beta.search_sightings("event", first.uuid, pythonify=True)), 4)

# Changing: one attribute at a time, and the event is later for it.
before = int(alpha.get_event(first, pythonify=True).timestamp.timestamp())
domain.to_ids = False
same("no detection any more", alpha.update_attribute(domain, pythonify=True).to_ids, False)
same("what is for detection", values(to_ids=True, type_attribute="domain", eventid=first.id), [])
same("the event is later", int(alpha.get_event(first, pythonify=True).timestamp.timestamp()) >= before, True)
same("another's event", alpha.get_event("0" * 8, pythonify=False).get("errors", [0])[0], 404)

print("\n".join(failed))
sys.exit(1 if failed else 0)
