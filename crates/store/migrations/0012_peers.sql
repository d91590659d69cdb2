-- Nodes that cooperate: whom we fetch from and give to, how far that is, and what came of it.

-- For what those who open a collection have it: agreements must cover this purpose.
ALTER TABLE collection ADD COLUMN purpose TEXT NOT NULL DEFAULT 'defend';

CREATE TABLE peer (
    party       TEXT PRIMARY KEY,
    url         TEXT NOT NULL,              -- discovery or API root of its TAXII server
    token_id    TEXT,                       -- user of HTTP Basic; none: the token is a bearer's
    token_file  TEXT,
    certificate TEXT,                       -- PEM files
    key         TEXT,
    ca          TEXT,
    log_key     TEXT,                       -- of its log of releases: with it every page must come with a receipt
    added_at    BIGINT NOT NULL,
    heard_at    BIGINT,                     -- last success
    failures    BIGINT NOT NULL DEFAULT 0,  -- one after the other
    retry_at    BIGINT,
    error       TEXT
);

CREATE TABLE subscription (
    number     INTEGER PRIMARY KEY,
    party      TEXT NOT NULL,
    direction  TEXT NOT NULL,               -- pull | push
    remote     TEXT NOT NULL,               -- collection there, id or alias
    collection BIGINT NOT NULL REFERENCES collection (number),
    after      BIGINT NOT NULL DEFAULT 0,   -- date_added of the last that was taken over, theirs or ours
    objects    BIGINT NOT NULL DEFAULT 0,
    refused    BIGINT NOT NULL DEFAULT 0,
    done_at    BIGINT,
    UNIQUE (party, direction, remote, collection)
);

-- Receipts for what peers gave us.
CREATE TABLE peer_receipt (
    party    TEXT NOT NULL,
    release  TEXT NOT NULL,
    content  TEXT NOT NULL,                 -- SHA-256
    proof    TEXT NOT NULL,                 -- C2SP tlog-proof
    taken_at BIGINT NOT NULL,
    PRIMARY KEY (party, release)
);

-- Takedowns that a peer does for us, or we for a peer.
CREATE TABLE peer_takedown (
    takedown TEXT PRIMARY KEY,
    party    TEXT NOT NULL,
    side     TEXT NOT NULL,                 -- asking | asked
    theirs   TEXT NOT NULL,                 -- their name for it
    terms    BIGINT NOT NULL,               -- of the request
    said     TEXT NOT NULL,                 -- what they were told last
    shown    TEXT NOT NULL
);

-- Messages of peers that were acted on.
CREATE TABLE peer_message (
    object  BIGINT PRIMARY KEY,
    party   TEXT NOT NULL,
    done_at BIGINT NOT NULL,
    outcome TEXT NOT NULL
);
