-- Evidence whose events nobody has been considered for yet: made true with the events themselves, so that no kill parts them.
CREATE TABLE directive (
    evidence      TEXT PRIMARY KEY,
    made_at       BIGINT NOT NULL,
    considered_at BIGINT
);

CREATE TABLE notice (
    id            TEXT PRIMARY KEY,         -- N- and eight letters or digits, shown to people
    token         TEXT NOT NULL UNIQUE,     -- in the address that answers come back to; not to be guessed
    party         TEXT NOT NULL,
    role          TEXT NOT NULL,            -- as what the party is told
    problem       TEXT NOT NULL,
    state         TEXT NOT NULL,            -- waiting, ready, released, handing, sent, delivered, failed, cancelled, denied
    first_arrival BIGINT NOT NULL,          -- when the first and last of its events came to us
    last_arrival  BIGINT NOT NULL,
    ready_at      BIGINT,
    send_after    BIGINT,                   -- not before office hours there
    findings      BIGINT NOT NULL,
    events        BIGINT NOT NULL,
    first_seen    BIGINT,
    last_seen     BIGINT,
    content       BLOB NOT NULL,            -- what is told, zstd
    -- from its release on
    language      TEXT,
    address       TEXT,
    subject       TEXT,
    tlp           TEXT,
    sealed        BIGINT,                   -- 1 when encrypted for the recipient
    mail          BLOB,                     -- as handed over, zstd
    mail_sha256   TEXT,
    release       BIGINT,                   -- its leaf in the log of releases
    released_at   BIGINT,
    answer_by     BIGINT,
    attempts      BIGINT NOT NULL DEFAULT 0,
    next_attempt  BIGINT,
    handing_since BIGINT,
    sent_at       BIGINT,
    delivered_at  BIGINT,
    answer        TEXT,
    answered_at   BIGINT,
    reason        TEXT                      -- why denied, failed or cancelled
);
-- One digest of a kind waits at a time.
CREATE UNIQUE INDEX notice_waiting ON notice (party, role, problem) WHERE state = 'waiting';
CREATE INDEX notice_state ON notice (state, next_attempt);
CREATE INDEX notice_party ON notice (party, first_arrival);

-- What happened to a notice, in order; nothing is ever taken away.
CREATE TABLE notice_history (
    notice TEXT NOT NULL,
    number BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    what   TEXT NOT NULL,
    detail TEXT,
    PRIMARY KEY (notice, number)
);

-- What each party was told of each subject, packed.
CREATE TABLE ledger (
    party   TEXT NOT NULL,
    role    TEXT NOT NULL,
    entries BLOB NOT NULL,
    PRIMARY KEY (party, role)
);

-- How well an address works.
CREATE TABLE contact_quality (
    address        TEXT PRIMARY KEY,
    sent           BIGINT NOT NULL DEFAULT 0,
    delivered      BIGINT NOT NULL DEFAULT 0,
    bounced        BIGINT NOT NULL DEFAULT 0,
    answered       BIGINT NOT NULL DEFAULT 0,
    fixed          BIGINT NOT NULL DEFAULT 0,
    false_positive BIGINT NOT NULL DEFAULT 0,
    not_ours       BIGINT NOT NULL DEFAULT 0,
    need_more      BIGINT NOT NULL DEFAULT 0,
    automatic      BIGINT NOT NULL DEFAULT 0,
    last_at        BIGINT NOT NULL
);

-- What a party was not told, and the rule that decided it.
CREATE TABLE denial (
    party    TEXT NOT NULL,
    role     TEXT NOT NULL,
    problem  TEXT NOT NULL,
    terms    BIGINT NOT NULL,
    rule     TEXT NOT NULL,
    reason   TEXT NOT NULL,
    findings BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at  BIGINT NOT NULL,
    PRIMARY KEY (party, role, problem, terms, rule)
);

-- Mails that came to our desk, once each.
CREATE TABLE answer (
    id         TEXT PRIMARY KEY,            -- first 32 hexadecimal digits of the SHA-256 of the mail
    came_from  TEXT NOT NULL,               -- the mailbox and its name for the mail
    notice     TEXT,                        -- that it is about, where one is known
    received_at BIGINT NOT NULL,
    sender     TEXT,                        -- as claimed
    signed_by  TEXT,                        -- fingerprint of the key whose signature is good
    says       TEXT NOT NULL,
    because    TEXT NOT NULL,
    mail       BLOB NOT NULL,               -- zstd
    read_at    BIGINT                       -- when a person had looked at it; nothing when no person needs to
);
CREATE INDEX answer_notice ON answer (notice);

-- How far a mailbox was read.
CREATE TABLE mailbox (
    name     TEXT PRIMARY KEY,
    validity BIGINT NOT NULL,
    last     BIGINT NOT NULL
);

-- The takedowns that a notice asks for: its answers are answers to them.
CREATE TABLE notice_takedown (
    notice   TEXT NOT NULL,
    takedown TEXT NOT NULL,
    PRIMARY KEY (notice, takedown)
);
