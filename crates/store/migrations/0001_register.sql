-- What changes, remembered in SQL. Times are microseconds since 1970, UTC. Written so that PostgreSQL can follow:
-- no type affinity, no rowid, placeholders $1.

CREATE TABLE terms (
    id   BIGINT PRIMARY KEY,
    tlp  TEXT NOT NULL UNIQUE
);

CREATE TABLE evidence (
    id          TEXT PRIMARY KEY,           -- first 32 hexadecimal digits of sha256
    sha256      TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    size_bytes  BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    feed        TEXT,                       -- as the user named it
    given_by    TEXT,                       -- party
    terms       BIGINT NOT NULL REFERENCES terms (id),
    kept        TEXT NOT NULL,              -- where the original lies, relative to the home
    reader      TEXT NOT NULL,              -- version of this program that read it last
    read_rows      BIGINT NOT NULL,
    stored_rows    BIGINT NOT NULL,
    duplicate_rows BIGINT NOT NULL,
    rejected_rows  BIGINT NOT NULL
);
CREATE INDEX evidence_received_at ON evidence (received_at);

-- A report inside evidence: the evidence itself, or a member of an archive or mail.
CREATE TABLE part (
    evidence   TEXT NOT NULL REFERENCES evidence (id),
    number     BIGINT NOT NULL,
    path       TEXT NOT NULL,
    format     TEXT NOT NULL,
    feed       TEXT NOT NULL,
    first_row  BIGINT NOT NULL,             -- rows of evidence are numbered through; this part's row r is first_row + r
    row_count  BIGINT NOT NULL,
    marks      BLOB NOT NULL,               -- byte offset of every so many rows, so that a row is found without storing its place with each event
    PRIMARY KEY (evidence, number)
);

CREATE TABLE rejection (
    evidence TEXT NOT NULL REFERENCES evidence (id),
    number   BIGINT NOT NULL,
    path     TEXT NOT NULL,
    row_number BIGINT NOT NULL,
    reason   TEXT NOT NULL,
    PRIMARY KEY (evidence, number)
);

CREATE TABLE segment (
    id           TEXT PRIMARY KEY,          -- file name without ending
    path         TEXT NOT NULL,             -- relative to the home
    time_min     BIGINT NOT NULL,
    time_max     BIGINT NOT NULL,
    ip_min       TEXT,
    ip_max       TEXT,
    row_count    BIGINT NOT NULL,
    size_bytes   BIGINT NOT NULL,
    blake3       TEXT NOT NULL,
    filter_offset BIGINT,                   -- the Bloom filter of source_ip inside the file
    filter_length BIGINT,
    destination_filter_offset BIGINT,       -- the same of destination_ip
    destination_filter_length BIGINT,
    level        BIGINT NOT NULL,           -- 0 as ingested, 1 a day, 2 a month
    created_at   BIGINT NOT NULL,
    retired_at   BIGINT                     -- replaced by others; the file goes when no reader can need it
);
CREATE INDEX segment_time ON segment (time_min, time_max);

-- What a reader met that its tables do not know.
CREATE TABLE drift (
    kind     TEXT NOT NULL,
    name     TEXT NOT NULL,
    times    BIGINT NOT NULL,
    evidence TEXT NOT NULL,
    seen_at  BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
);

-- Imported tables for enrichment.
CREATE TABLE lookup_table (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    source      TEXT NOT NULL,
    dated       TEXT NOT NULL,
    sha256      TEXT NOT NULL,
    row_count   BIGINT NOT NULL,
    path        TEXT NOT NULL,
    imported_at BIGINT NOT NULL,
    retired_at  BIGINT
);
