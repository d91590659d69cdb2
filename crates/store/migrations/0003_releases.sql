-- The log of releases: what was given to whom, and the Merkle tree that proves it. Rows are only ever added.

-- One log per home: the key that signs it, as a C2SP verifier key.
CREATE TABLE release_log (
    id         BIGINT PRIMARY KEY CHECK (id = 1),
    vkey       TEXT NOT NULL,
    started_at BIGINT NOT NULL
);

-- One row per leaf, readable at home only.
CREATE TABLE release (
    number      BIGINT PRIMARY KEY,         -- of the leaf, from 0
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
CREATE INDEX release_recipient ON release (recipient, number);

-- The tree as C2SP tlog-tiles: level 0 and up are hashes, level -1 the bundles of entries. The last of a level may be partial.
CREATE TABLE release_tile (
    level  BIGINT NOT NULL,
    number BIGINT NOT NULL,
    bytes  BLOB NOT NULL,
    PRIMARY KEY (level, number)
);

-- Every checkpoint that was signed, as a signed note.
CREATE TABLE release_checkpoint (
    size      BIGINT PRIMARY KEY,
    note      TEXT NOT NULL,
    signed_at BIGINT NOT NULL
);

-- Those whose cosignatures under our checkpoints are believed.
CREATE TABLE release_witness (
    name     TEXT PRIMARY KEY,
    vkey     TEXT NOT NULL UNIQUE,
    added_at BIGINT NOT NULL
);

CREATE TABLE release_cosignature (
    size    BIGINT NOT NULL REFERENCES release_checkpoint (size),
    witness TEXT NOT NULL REFERENCES release_witness (name),
    line    TEXT NOT NULL,                  -- signature line, with its line break
    PRIMARY KEY (size, witness)
);

-- Logs of others for which we are a witness: their keys, and the last checkpoint that we signed.
CREATE TABLE witnessed_log (
    origin   TEXT NOT NULL,
    vkey     TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (origin, vkey)
);

CREATE TABLE witnessed_checkpoint (
    origin    TEXT PRIMARY KEY,
    size      BIGINT NOT NULL,
    note      TEXT NOT NULL,                -- with the log's signature and ours
    signed_at BIGINT NOT NULL
);
