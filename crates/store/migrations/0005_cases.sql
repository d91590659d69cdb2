-- Cases and takedowns. A case is what its history says; its row repeats what lists and groupings need.
-- Parties are named by their id; a case may name one that the register does not know.

CREATE TABLE case_file (
    id            TEXT PRIMARY KEY,         -- 'c' and number
    number        BIGINT NOT NULL UNIQUE,
    title         TEXT NOT NULL,
    key           TEXT,                     -- what it is about; none when a person opened it for something else. Compared byte by byte.
    opened_at     BIGINT NOT NULL,
    assignee      TEXT,
    due           BIGINT,
    events        BIGINT NOT NULL,
    first_day     BIGINT,                   -- days since 1970-01-01 with events
    last_day      BIGINT,
    tasks         BIGINT NOT NULL,
    open_tasks    BIGINT NOT NULL,
    closed_at     BIGINT,
    closing       TEXT,
    history_length BIGINT NOT NULL,         -- with the link of the last entry: what the history must end with
    history_end   BLOB NOT NULL
);
CREATE INDEX case_file_key ON case_file (key);

-- How many events a case had on a day: grouping again replaces, never adds.
CREATE TABLE case_day (
    case_id  TEXT NOT NULL REFERENCES case_file (id),
    day      BIGINT NOT NULL,
    events   BIGINT NOT NULL,
    PRIMARY KEY (case_id, day)
);

-- History: append only, each entry with the hash of the one before.
CREATE TABLE case_entry (
    case_id  TEXT NOT NULL REFERENCES case_file (id),
    number   BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    by_whom  TEXT NOT NULL,
    takedown TEXT,
    did      TEXT NOT NULL,                 -- JSON, exactly as hashed
    link     BLOB NOT NULL,
    PRIMARY KEY (case_id, number)
);
CREATE INDEX case_entry_takedown ON case_entry (takedown);

CREATE TABLE takedown (
    id              TEXT PRIMARY KEY,       -- 't' and number
    number          BIGINT NOT NULL UNIQUE,
    case_id         TEXT NOT NULL REFERENCES case_file (id),
    target          TEXT NOT NULL,          -- a case key that is a place
    place           TEXT NOT NULL,          -- the target without what it is called
    class           TEXT NOT NULL,
    country         TEXT,
    party           TEXT,                   -- who was asked last
    channel         TEXT,
    agreement       TEXT,                   -- when asking is a release under one
    release_id      TEXT,
    asked_by        TEXT,                   -- the party that asked us, across a border, and its name for it
    their_id        TEXT,
    said            TEXT NOT NULL,
    shown           TEXT NOT NULL,
    state           TEXT NOT NULL,          -- what follows from said and shown
    quiet_days      BIGINT NOT NULL,
    needed_days     BIGINT NOT NULL,
    reinfections    BIGINT NOT NULL,
    escalations     BIGINT NOT NULL,
    first_seen      BIGINT NOT NULL,
    last_seen       BIGINT NOT NULL,
    asked_at        BIGINT,
    heard_at        BIGINT,
    answered_at     BIGINT,
    answer_due      BIGINT,
    verified_at     BIGINT,
    assessed_at     BIGINT,
    reason          TEXT NOT NULL           -- of the last assessment
);
CREATE INDEX takedown_case ON takedown (case_id);
CREATE INDEX takedown_place ON takedown (place);
CREATE INDEX takedown_state ON takedown (state);
