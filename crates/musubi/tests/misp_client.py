"""What a script of a SIEM does with PyMISP, against a node: base URL, key of who gives, key of who reads."""

import logging
import sys
import time

from pymisp import MISPAttribute, MISPEvent, MISPObject, MISPOrganisation, MISPSighting, PyMISP

logging.disable(logging.CRITICAL)
base, giver, reader = sys.argv[1:4]
alpha, beta = PyMISP(base, giver), PyMISP(base, reader)

# Who is it?
assert alpha.misp_instance_version["version"].startswith("2.5."), alpha.misp_instance_version
assert alpha._current_user.org_id != beta._current_user.org_id
assert alpha._current_role.perm_add and alpha._current_role.perm_sync
assert "ip-dst" in alpha.types
own = alpha.get_organisation(alpha._current_user.org_id, pythonify=True)
assert isinstance(own, MISPOrganisation) and own.name == "Alpha", own
assert alpha.get_organisation(beta._current_user.org_id)["errors"][0] == 404
try:
    PyMISP(base, "wrong" * 8)
    raise AssertionError("a wrong key opened")
except Exception as error:
    assert "Authentication failed" in str(error), error


def event(info, *tags, distribution=3):
    made = MISPEvent()
    made.info, made.distribution, made.threat_level_id, made.analysis = info, distribution, 2, 1
    for tag in tags:
        made.add_tag(tag)
    return made


# Adding.
green = event("green", "tlp:green", "campaign:acorn")
green.add_attribute("domain", "EVIL[.]example", comment="c2")
green.add_attribute("ip-dst", "198.51.100.7", to_ids=False)
file = MISPObject("file", standalone=False)
file.add_attribute("filename", value="a.exe")
file.add_attribute("sha256", value="a" * 64)
green.add_object(file)
green = alpha.add_event(green, pythonify=True)
assert isinstance(green, MISPEvent), green
assert green.attributes[0].value == "evil.example" and int(green.id) > 0
assert green.orgc.name == "Alpha" and green.org.name == "Example CSIRT", (green.orgc, green.org)
again = MISPEvent()
again.info, again.uuid = "again", green.uuid
assert alpha.add_event(again)["errors"][0] == 409
clear = alpha.add_event(event("clear", "tlp:clear"), pythonify=True)
strict = alpha.add_event(event("strict marker", "tlp:amber+strict", "secret:tag"), pythonify=True)
untagged = alpha.add_event(event("untagged", distribution=0), pythonify=True)
assert alpha.add_event({"info": "", "distribution": 3})["errors"][0] == 403
assert "errors" in alpha.add_attribute(green, {"type": "md5", "value": "no hash"})

# Seeing: the other one sees what it may, and nothing tells of the rest.
assert alpha.event_exists(strict.uuid) and not beta.event_exists(strict.uuid)
assert beta.event_exists(green.uuid) and beta.event_exists(int(green.id))
infos = lambda misp, **search: sorted(one.info for one in misp.search(pythonify=True, **search))
assert infos(alpha) == ["clear", "green", "strict marker", "untagged"], infos(alpha)
assert infos(beta) == ["clear", "green"], infos(beta)
assert beta.get_event(strict.uuid)["errors"] == beta.get_event("00000000-0000-4000-8000-000000000000")["errors"] or (
    beta.get_event(strict.uuid)["errors"][1]["message"] == "Invalid event"
)
assert sorted(one.info for one in beta.search_index(pythonify=True)) == ["clear", "green"]
assert len(beta.search_index(minimal=True)) == 2
assert all("secret" not in str(one) for one in beta.tags(pythonify=True))
assert any(one.name == "secret:tag" for one in alpha.tags(pythonify=True))
shown = beta.get_event(green.uuid, pythonify=True)
assert int(shown.distribution) == 4 and len(shown.SharingGroup["SharingGroupOrg"]) == 3, shown.to_json()
assert [tag.name for tag in shown.tags if tag.name.startswith("tlp:")] == ["tlp:green"]
assert int(alpha.get_event(green.uuid, pythonify=True).distribution) == 3
assert int(beta.get_event(clear.uuid, pythonify=True).distribution) == 3

# Searching.
assert infos(beta, value="evil.example") == ["green"]
assert infos(beta, value="EVIL.example") == ["green"]
assert infos(beta, value="%vil.exam%") == ["green"]
assert infos(beta, value="nowhere.example") == []
assert infos(beta, tags="campaign:acorn") == ["green"]
assert infos(beta, tags=["!tlp:green"]) == ["clear"]
assert infos(beta, type_attribute="sha256") == ["green"]
assert infos(beta, eventinfo="clear") == ["clear"]
assert infos(beta, org="Alpha") == ["clear", "green"]
assert infos(beta, uuid=strict.uuid) == []
values = lambda misp, **search: sorted(one.value for one in misp.search("attributes", pythonify=True, **search))
assert values(beta) == sorted(["evil.example", "198.51.100.7", "a.exe", "a" * 64]), values(beta)
assert values(beta, to_ids=True, type_attribute=["domain", "ip-dst"]) == ["evil.example"]
assert values(beta, tags="campaign:acorn", limit=1, page=2) != values(beta, tags="campaign:acorn", limit=1, page=1)
assert beta.search("attributes", return_format="text", type_attribute="domain").strip() == "evil.example"
lines = beta.search("attributes", return_format="csv", type_attribute="domain", pythonify=True)
assert [line["value"] for line in lines] == ["evil.example"], lines
bundle = beta.search(return_format="stix2", value="evil.example")
assert bundle["type"] == "bundle" and "evil.example" in str(bundle), bundle
refused = beta.direct_call("attributes/restSearch", {"tpye": "domain"})
assert refused["errors"][0] == 400 and "tpye" in str(refused), refused

# Attributes.
added = alpha.add_attribute(green, {"type": "url", "value": "http://evil.example/x"}, pythonify=True)
assert isinstance(added, MISPAttribute) and added.category == "Network activity", added
assert alpha.add_attribute(green, {"type": "url", "value": "http://evil.example/x"})["errors"][0] == 403
several = alpha.add_attribute(green, [{"type": "md5", "value": "b" * 32}, {"type": "md5", "value": "bad"}], pythonify=True)
assert len(several["attributes"]) == 1 and "attribute_1" in several["errors"], several
assert alpha.attribute_exists(added.uuid) and not alpha.attribute_exists("00000000-0000-4000-8000-000000000000")
assert beta.get_attribute(added.uuid, pythonify=True).value == "http://evil.example/x"
added.comment = "changed"
assert alpha.update_attribute(added, pythonify=True).comment == "changed"
assert beta.get_attribute(added, pythonify=True).comment == "changed"
# Not its own: PyMISP then sends a proposal, which is not taken.
assert beta.update_attribute(added)["errors"][0] == 404
assert "message" in alpha.delete_attribute(added), added
assert values(beta, type_attribute="url") == []
assert values(beta, type_attribute="url", deleted=True) == ["http://evil.example/x"]
assert alpha.restore_attribute(added, pythonify=True).deleted is False
assert values(beta, type_attribute="url") == ["http://evil.example/x"]
assert "message" in alpha.delete_attribute(added, hard=True)
assert not alpha.attribute_exists(added.uuid)

# Tags.
domain = next(one for one in green.attributes if one.type == "domain")
assert "successfully" in alpha.tag(domain, "kind:c2")["message"]
assert values(beta, tags="kind:c2") == ["evil.example"]
assert "successfully" in alpha.untag(domain, "kind:c2")["message"]
assert values(beta, tags="kind:c2") == []
assert beta.tag(green, "mine")["errors"][0] == 403
assert alpha.add_tag({"name": "new:tag", "colour": "#ffffff"}, pythonify=True).name == "new:tag"
assert [one.name for one in beta.search_tags("tlp:clear", strict_tagname=True, pythonify=True)] == ["tlp:clear"]
assert beta.search_tags("secret") == []

# Sightings: of one's own and of others' attributes, and nobody hears of what it may not see.
assert beta.add_sighting({"value": "evil.example", "source": "sensor"}, pythonify=True).event_uuid == green.uuid
assert alpha.add_sighting(MISPSighting(), domain, pythonify=True).attribute_uuid == domain.uuid
seen = alpha.search_sightings("event", green.uuid, pythonify=True, include_attribute=True, include_event_meta=True)
assert sorted(one["sighting"].Organisation["name"] for one in seen) == ["Alpha", "Beta"], seen
assert {one["attribute"].value for one in seen} == {"evil.example"} and {one["event"].info for one in seen} == {"green"}
assert len(beta.sightings(pythonify=True)) == 2
whole = beta.get_event(green.uuid, pythonify=True)
assert len(next(one for one in whole.attributes if one.type == "domain").sightings) == 2
marker = alpha.add_attribute(strict, {"type": "domain", "value": "marker.example"}, pythonify=True)
assert alpha.add_sighting(MISPSighting(), marker)["Sighting"]["attribute_uuid"] == marker.uuid
assert beta.add_sighting({"value": "marker.example"})["errors"][0] == 404
assert len(beta.sightings(pythonify=True)) == 2

# Editing, publishing, taking back.
green = alpha.get_event(green.uuid, pythonify=True)
green.info = "green, changed"
green.add_attribute("hostname", "more.example")
edited = alpha.update_event(green, pythonify=True)
assert edited.info == "green, changed" and "more.example" in str([one.value for one in edited.attributes]), edited
assert infos(beta, value="more.example") == ["green, changed"]
assert beta.update_event(shown)["errors"][0] == 403 and beta.delete_event(green)["errors"][0] == 403
assert infos(beta, published=True) == []
assert "errors" not in alpha.publish(green)
assert infos(beta, published=True) == ["green, changed"]
assert beta.publish(clear)["errors"][0] == 403
assert "message" in alpha.delete_event(clear)
assert not alpha.event_exists(clear) and infos(beta) == ["green, changed"]

# How long a search takes, told and not judged.
started = time.perf_counter()
for _ in range(20):
    beta.search("attributes", value="evil.example")
print(f"{(time.perf_counter() - started) / 20 * 1000:.1f} ms a search for a value with PyMISP")
