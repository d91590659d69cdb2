-- People: who may sign in here, how, and what they did.

CREATE TABLE person (
    id           TEXT PRIMARY KEY,          -- UUID of version 4
    name         TEXT NOT NULL UNIQUE,      -- what is typed to sign in; lower case
    shown        TEXT NOT NULL,             -- what others read
    party        TEXT NOT NULL,
    role         TEXT NOT NULL,
    password     TEXT,                      -- Argon2id, as a PHC string
    totp         TEXT,                      -- secret in base 32 (RFC 6238); none: no second factor set up
    totp_step    BIGINT,                    -- the last step that was used: a code opens once
    language     TEXT,
    zone         TEXT,                      -- IANA time zone
    scheme       TEXT,                      -- light | dark; none: as the system
    failures     BIGINT NOT NULL DEFAULT 0, -- wrong passwords or codes since the last right one
    locked_until BIGINT,
    created_at   BIGINT NOT NULL,
    created_by   TEXT,
    disabled_at  BIGINT
);

CREATE TABLE passkey (
    id         TEXT PRIMARY KEY,            -- credential id, base 64 for URLs
    person     TEXT NOT NULL REFERENCES person (id),
    name       TEXT NOT NULL,
    credential TEXT NOT NULL,               -- JSON
    created_at BIGINT NOT NULL,
    last_used  BIGINT
);
CREATE INDEX passkey_person ON passkey (person);

-- A person at an organisation that signs in for us (OpenID Connect).
CREATE TABLE person_subject (
    issuer     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    person     TEXT NOT NULL REFERENCES person (id),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
);

CREATE TABLE session (
    key        BLOB PRIMARY KEY,            -- SHA-256 of the cookie
    id         TEXT NOT NULL UNIQUE,        -- how it is named to its owner
    person     TEXT NOT NULL REFERENCES person (id),
    how        TEXT NOT NULL,               -- passkey | password | password+totp | oidc | link
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    address    TEXT NOT NULL,
    agent      TEXT NOT NULL,
    ended_at   BIGINT
);
CREATE INDEX session_person ON session (person);

-- What waits for the second half of a sign-in: challenges never go through the browser.
CREATE TABLE ceremony (
    key        BLOB PRIMARY KEY,            -- SHA-256 of what the browser holds
    kind       TEXT NOT NULL,
    person     TEXT,
    state      TEXT NOT NULL,               -- JSON
    expires_at BIGINT NOT NULL
);

-- Links that let somebody make an account, once.
CREATE TABLE invitation (
    key        BLOB PRIMARY KEY,            -- SHA-256 of what the link holds
    party      TEXT NOT NULL,
    role       TEXT NOT NULL,
    person     TEXT,                        -- an account that is there: the link lets its owner in again
    created_at BIGINT NOT NULL,
    created_by TEXT,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);

-- Every change and every export, by whom.
CREATE TABLE audit (
    number  INTEGER PRIMARY KEY,
    at      BIGINT NOT NULL,
    person  TEXT,                           -- id of a person, `token:` and an id, or none for who is not known
    shown   TEXT NOT NULL,
    party   TEXT NOT NULL,
    address TEXT NOT NULL,
    did     TEXT NOT NULL,                  -- method and route
    subject TEXT NOT NULL,                  -- what it was done to: the path
    outcome BIGINT NOT NULL,                -- status of the answer
    detail  TEXT
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_person ON audit (person, number);

-- What a page shows, kept under a name.
CREATE TABLE saved_view (
    id         TEXT PRIMARY KEY,
    person     TEXT NOT NULL REFERENCES person (id),
    page       TEXT NOT NULL,
    name       TEXT NOT NULL,
    question   TEXT NOT NULL,               -- query part of the address
    created_at BIGINT NOT NULL
);
CREATE INDEX saved_view_person ON saved_view (person, page);
