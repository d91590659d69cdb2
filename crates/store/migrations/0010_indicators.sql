-- What is to be watched for or blocked, why, and what became of it; the warning lists that keep harm away; where else values were seen.

CREATE TABLE indicator (
    id          BLOB PRIMARY KEY,           -- 16 bytes: of kind and value, the same everywhere
    kind        TEXT NOT NULL,              -- address, domain, …, or pattern
    value       TEXT NOT NULL,
    terms       BIGINT NOT NULL REFERENCES terms (id), -- under which all that is said for it may be known together
    confidence  BIGINT NOT NULL,            -- 0 to 100, before time and doubt
    class       TEXT,                       -- RSIT type
    malware     TEXT,
    valid_from  BIGINT,
    valid_until BIGINT,
    first_seen  BIGINT,
    last_seen   BIGINT,
    reporters   BIGINT NOT NULL,
    sightings   BIGINT NOT NULL,
    doubts      BIGINT NOT NULL,
    revoked     BIGINT NOT NULL,
    grounds     TEXT NOT NULL,              -- JSON: every word that was said of it; the columns above follow from it
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);
CREATE INDEX indicator_value ON indicator (value);
CREATE INDEX indicator_seen ON indicator (last_seen, id);

-- What it rests on: from an event, a case or an object of others to the indicators that it led to.
CREATE TABLE indicator_source (
    kind      TEXT NOT NULL,                -- event | case | rule | evidence | foreign
    name      TEXT NOT NULL,
    indicator BLOB NOT NULL REFERENCES indicator (id),
    PRIMARY KEY (kind, name, indicator)
) WITHOUT ROWID;
CREATE INDEX indicator_source_of ON indicator_source (indicator);

CREATE TABLE indicator_history (
    number    INTEGER PRIMARY KEY,
    indicator BLOB NOT NULL REFERENCES indicator (id),
    at        BIGINT NOT NULL,
    by        TEXT NOT NULL,
    what      TEXT NOT NULL,                -- derived | added | sighted | false-positive | revoked | restored | expired
    because   TEXT NOT NULL
);
CREATE INDEX indicator_history_of ON indicator_history (indicator, number);

-- What stands in a collection of ours: which version of which object was told last.
CREATE TABLE indicator_told (
    collection BIGINT NOT NULL REFERENCES collection (number),
    object     TEXT NOT NULL,
    indicator  BLOB,                        -- none: the party itself, a marking
    digest     BLOB NOT NULL,               -- of the object without its time
    terms      BIGINT NOT NULL,
    created    BIGINT NOT NULL,             -- microseconds, as in the object
    modified   BIGINT NOT NULL,
    revoked    BIGINT NOT NULL,
    PRIMARY KEY (collection, object)
);
CREATE INDEX indicator_told_of ON indicator_told (collection, indicator);

CREATE TABLE warning_list (
    name        TEXT PRIMARY KEY,           -- its folder in misp-warninglists, or the name of its file
    title       TEXT NOT NULL,
    version     BIGINT NOT NULL,
    entry_count BIGINT NOT NULL,
    sha256      TEXT NOT NULL,              -- of the file as imported
    bytes       BLOB NOT NULL,              -- the same, zstd
    imported_at BIGINT NOT NULL
);

-- Things in which values were seen: an indicator, a shared object, an event of MISP.
CREATE TABLE place_object (
    number INTEGER PRIMARY KEY,
    kind   TEXT NOT NULL,                   -- indicator | stix | misp
    name   TEXT NOT NULL,
    digest BLOB NOT NULL,                   -- of its values: unchanged ones are not filed again
    terms  BIGINT NOT NULL,
    gone   BIGINT NOT NULL                  -- 1: filed anew under another number, or no longer there
);
CREATE UNIQUE INDEX place_object_name ON place_object (kind, name) WHERE gone = 0;

-- Files of keys and of values; one exists when its row does.
CREATE TABLE place_file (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,               -- keys | values
    path       TEXT NOT NULL,               -- relative to the home
    first      BIGINT NOT NULL,             -- of values: the place of the first; a place is this and the byte in the file
    size_bytes BIGINT NOT NULL,
    blake3     TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT
);

-- How far what others fill has been filed.
CREATE TABLE place_cursor (
    kind   TEXT PRIMARY KEY,                -- stix
    number BIGINT NOT NULL
);
