-- What machines bring and fetch: uploads on their way, where to call others, and answers that must be the same when asked twice.

CREATE TABLE upload (
    id           TEXT PRIMARY KEY,          -- UUID of version 4; the bytes lie in uploads/ under it
    person       TEXT NOT NULL,             -- who brings it, as the audit names it
    party        TEXT NOT NULL,
    name         TEXT NOT NULL,
    size_bytes   BIGINT,                    -- of the whole; none: not known before its end
    offset_bytes BIGINT NOT NULL,           -- so many bytes are on the disk: what was acknowledged
    feed         TEXT,
    terms        TEXT,                      -- as said by whoever brings it
    given_by     TEXT,
    format       TEXT,
    state        TEXT NOT NULL,             -- open | waiting | reading | done | failed | withdrawn
    created_at   BIGINT NOT NULL,
    completed_at BIGINT,                    -- all bytes are on the disk
    ended_at     BIGINT,
    evidence     TEXT,
    outcome      TEXT                       -- JSON: counts, and why it failed
);
CREATE INDEX upload_state ON upload (state, completed_at);
CREATE INDEX upload_ended ON upload (ended_at);
CREATE INDEX upload_person ON upload (person, created_at);

CREATE TABLE webhook (
    id          TEXT PRIMARY KEY,           -- UUID of version 4
    party       TEXT NOT NULL,              -- through whose eyes it sees
    url         TEXT NOT NULL,
    secret      TEXT NOT NULL,              -- whsec_ and base 64: signs, so it cannot be kept as a hash
    kinds       TEXT NOT NULL,              -- separated by blanks
    place       TEXT NOT NULL,              -- as far as it was told: a cursor of what happens
    created_at  BIGINT NOT NULL,
    created_by  TEXT NOT NULL,
    disabled_at BIGINT,
    reason      TEXT                        -- why it is no longer called
);
CREATE INDEX webhook_party ON webhook (party);

-- One call; the body is kept until it has arrived or is given up.
CREATE TABLE webhook_call (
    id           TEXT PRIMARY KEY,          -- webhook-id: the same at each attempt
    webhook      TEXT NOT NULL REFERENCES webhook (id),
    kind         TEXT NOT NULL,
    body         BLOB,
    release      TEXT,                      -- in the log, when an outside party is told
    created_at   BIGINT NOT NULL,
    attempts     BIGINT NOT NULL DEFAULT 0,
    next_attempt BIGINT,                    -- none: it is over
    status       BIGINT,                    -- of the last answer
    error        TEXT,
    arrived_at   BIGINT
);
CREATE INDEX webhook_call_next ON webhook_call (next_attempt);
CREATE INDEX webhook_call_webhook ON webhook_call (webhook, created_at);

-- Answers to requests with an Idempotency-Key, for a day.
CREATE TABLE repeat (
    key        BLOB PRIMARY KEY,            -- SHA-256 of who, method, path and key
    request    BLOB NOT NULL,               -- SHA-256 of the body
    status     BIGINT NOT NULL,
    headers    TEXT NOT NULL,               -- JSON
    body       BLOB NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX repeat_created ON repeat (created_at);
