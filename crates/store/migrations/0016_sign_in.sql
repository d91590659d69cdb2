-- What opens when a second factor is lost, and work that takes a while.

CREATE TABLE recovery_code (
    person  TEXT NOT NULL REFERENCES person (id),
    hash    BLOB NOT NULL,                  -- SHA-256 of 80 random bits
    used_at BIGINT,
    PRIMARY KEY (person, hash)
);

CREATE INDEX ceremony_expires ON ceremony (expires_at);
CREATE INDEX person_subject_person ON person_subject (person);

-- Work of the server that somebody can watch: how far it is, and what came of it.
CREATE TABLE job (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    state      TEXT NOT NULL,               -- running | done | failed
    done       BIGINT NOT NULL DEFAULT 0,
    total      BIGINT,                      -- none: not known
    note       TEXT,                        -- what it is at; why it failed
    result     TEXT,                        -- JSON
    started_at BIGINT NOT NULL,
    started_by TEXT,
    ended_at   BIGINT
);
CREATE INDEX job_kind ON job (kind, started_at);
CREATE UNIQUE INDEX job_one_at_a_time ON job (kind) WHERE state = 'running';
