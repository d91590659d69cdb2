"""The client library of OASIS against a server: base address, collection, user, password. Fails with what differs."""
import sys
import uuid

from taxii2client.v21 import Collection, Server, as_pages

base, collection_id, user, password = sys.argv[1:5]
server = Server(f"{base}/taxii2/", user=user, password=password)
assert server.title and server.default.url == f"{base}/taxii2/root/", server.default.url
root = server.api_roots[0]
assert root.max_content_length > 0 and "application/taxii+json;version=2.1" in root.versions
assert [c.id for c in root.collections] == [collection_id]
collection = Collection(f"{base}/taxii2/root/collections/{collection_id}/", user=user, password=password)
assert collection.can_read and collection.can_write


def indicator(name):
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.uuid4()}",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "pattern": "[domain-name:value = 'evil.example']",
        "pattern_type": "stix",
        "valid_from": "2026-01-01T00:00:00Z",
        "name": name,
    }


sent = [indicator(f"n{n}") for n in range(25)]
status = collection.add_objects({"objects": sent}, wait_for_completion=True)
assert status.status == "complete" and status.success_count == 25 and status.failure_count == 0, status
assert root.get_status(status.id).success_count == 25
pages = list(as_pages(collection.get_objects, per_request=10))
got = [o for page in pages for o in page.get("objects", [])]
assert [len(page["objects"]) for page in pages] == [10, 10, 5], [len(page["objects"]) for page in pages]
assert [o["id"] for o in got] == [o["id"] for o in sent]
records = [r for page in as_pages(collection.get_manifest, per_request=7) for r in page.get("objects", [])]
assert [r["id"] for r in records] == [o["id"] for o in sent]
one = sent[3]["id"]
assert collection.get_objects(id=one)["objects"] == [sent[3]]
assert collection.get_objects(type="malware") == {}
assert collection.get_object(one)["objects"] == [sent[3]]
assert collection.object_versions(one)["versions"] == ["2026-01-01T00:00:00.000Z"]
newer = dict(sent[3], modified="2026-02-01T00:00:00.000Z", name="newer")
assert collection.add_objects({"objects": [newer]}).success_count == 1
assert collection.get_object(one)["objects"] == [newer]
assert len(collection.get_object(one, version="all")["objects"]) == 2
# Versions: the first, the last, all, one by its time; of several objects at once (TAXII 2.1 section 3.4).
old, new = "2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"
shown = lambda **match: [o["modified"] for o in collection.get_objects(id=one, **match).get("objects", [])]
assert shown() == [new] and shown(version="last") == [new] and shown(version="first") == [old], shown()
assert sorted(shown(version="all")) == [old, new] and shown(version=old) == [old] and shown(version="2025-01-01T00:00:00.000Z") == []
assert sorted(shown(version=[old, new])) == [old, new]
assert sorted(collection.object_versions(one)["versions"]) == [old, new]
two = [sent[3]["id"], sent[7]["id"]]
assert sorted(o["id"] for o in collection.get_objects(id=two)["objects"]) == sorted(two)
assert len(collection.get_objects(type=["indicator", "malware"])["objects"]) == 25
assert len(collection.get_objects(spec_version="2.1")["objects"]) == 25 and collection.get_objects(spec_version="2.0") == {}
# What was added after a moment, as the manifest tells it; what is added then is found, and nothing twice.
added = [r["date_added"] for page in as_pages(collection.get_manifest, per_request=50) for r in page["objects"]]
assert added == sorted(added) and collection.get_objects(added_after=added[-1]) == {}
# What has no version of its own: observables, and definitions of markings.
address = {"type": "ipv4-addr", "spec_version": "2.1", "id": f"ipv4-addr--{uuid.uuid4()}", "value": "198.51.100.9"}
assert collection.add_objects({"objects": [address]}).success_count == 1
assert collection.get_objects(added_after=added[-1])["objects"] == [address]
assert len(collection.object_versions(address["id"])["versions"]) == 1
# The same again is no failure and nothing new.
again = collection.add_objects({"objects": [address, sent[5]]})
assert again.failure_count == 0 and len(collection.get_objects()["objects"]) == 26, again
# Nonsense beside sense: what is sense is taken.
mixed = collection.add_objects({"objects": [indicator("sense"), {"type": "indicator", "id": "nonsense"}]})
assert mixed.success_count == 1 and mixed.failure_count == 1, mixed
# One version is taken back, then all.
collection.delete_object(one, version=new)
assert shown(version="all") == [old], shown(version="all")
collection.delete_object(one)
for what in (lambda: collection.get_object(one), lambda: root.get_status(str(uuid.uuid4()))):
    try:
        what()
        raise AssertionError("what is not there was given")
    except Exception as error:  # requests.HTTPError
        assert "404" in str(error), error
print("all is as it should be")
