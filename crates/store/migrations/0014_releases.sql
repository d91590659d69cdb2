-- The log of releases grows at its end only, and so do its tables now: rows lie in the order of the leaves, and what was released to whom is found
-- block by block, so that an addition touches the last pages and none between. INTEGER: the number of the leaf is the row's own.

ALTER TABLE shared_release RENAME TO shared_release_before;
ALTER TABLE release_cosignature RENAME TO release_cosignature_before;
ALTER TABLE release_checkpoint RENAME TO release_checkpoint_before;
ALTER TABLE release RENAME TO release_before;
DROP INDEX shared_release_range;
DROP INDEX release_recipient;

CREATE TABLE release (
    number      INTEGER PRIMARY KEY,        -- of the leaf, from 0
    id          TEXT NOT NULL UNIQUE,
    recipient   TEXT NOT NULL,              -- party
    purpose     TEXT NOT NULL,
    channel     TEXT NOT NULL,
    content     BLOB NOT NULL,              -- SHA-256 of what was given
    released_at BIGINT NOT NULL,
    decision    TEXT NOT NULL,
    terms       TEXT NOT NULL,              -- numbers of terms, separated by spaces
    reasons     TEXT NOT NULL,              -- one a line
    secret      BLOB NOT NULL               -- salt of statement and basis, 16 bytes each
);
INSERT INTO release (number, id, recipient, purpose, channel, content, released_at, decision, terms, reasons, secret)
    SELECT number, id, recipient, purpose, channel, content, released_at, decision, terms, reasons, secret FROM release_before ORDER BY number;
-- A block is 4,096 releases.
CREATE INDEX release_recipient ON release (number >> 12, recipient);

CREATE TABLE release_checkpoint (
    size      INTEGER PRIMARY KEY,
    note      TEXT NOT NULL,
    signed_at BIGINT NOT NULL
);
INSERT INTO release_checkpoint (size, note, signed_at) SELECT size, note, signed_at FROM release_checkpoint_before ORDER BY size;

CREATE TABLE release_cosignature (
    size    BIGINT NOT NULL REFERENCES release_checkpoint (size),
    witness TEXT NOT NULL REFERENCES release_witness (name),
    line    TEXT NOT NULL,                  -- signature line, with its line break
    PRIMARY KEY (size, witness)
);
INSERT INTO release_cosignature (size, witness, line) SELECT size, witness, line FROM release_cosignature_before;

CREATE TABLE shared_release (
    release    INTEGER PRIMARY KEY REFERENCES release (number),
    collection BIGINT NOT NULL,
    party      TEXT NOT NULL,
    kind       TEXT NOT NULL,               -- objects | manifest | versions
    first      BIGINT NOT NULL,             -- date_added of the first and the last
    last       BIGINT NOT NULL,
    objects    BLOB NOT NULL                -- numbers of objects, differences as variable-length integers
);
INSERT INTO shared_release (release, collection, party, kind, first, last, objects)
    SELECT release.number, collection, party, kind, first, last, objects
    FROM shared_release_before JOIN release ON release.id = shared_release_before.release ORDER BY release.number;
CREATE INDEX shared_release_range ON shared_release (collection, first, last);

DROP TABLE shared_release_before;
DROP TABLE release_cosignature_before;
DROP TABLE release_checkpoint_before;
DROP TABLE release_before;
