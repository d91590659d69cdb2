-- What outside parties say is theirs, until they have proved it; and notices that a person holds back.

CREATE TABLE network_claim (
    id           TEXT PRIMARY KEY,          -- random
    party        TEXT NOT NULL,
    person       TEXT NOT NULL,             -- who asked
    value        TEXT NOT NULL,             -- 192.0.2.0/24, AS64496, isp.example
    way          TEXT NOT NULL,             -- mail | dns | file
    code         TEXT NOT NULL,             -- what is to be shown; of a mailed one only its SHA-256
    address      TEXT,                      -- that a code was mailed to
    tries        BIGINT NOT NULL DEFAULT 0,
    made_at      BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    confirmed_at BIGINT,
    withdrawn_at BIGINT
);
CREATE INDEX network_claim_party ON network_claim (party, made_at);

-- A ready notice that is held is not released until a person lets it go.
ALTER TABLE notice ADD COLUMN held_at BIGINT;
ALTER TABLE notice ADD COLUMN held_by TEXT;

-- The order in which notices are listed: one page costs one page, of all or of one party or state.
CREATE INDEX notice_newest ON notice (coalesce(released_at, last_arrival), id);
CREATE INDEX notice_party_newest ON notice (party, coalesce(released_at, last_arrival), id);
CREATE INDEX notice_state_newest ON notice (state, coalesce(released_at, last_arrival), id);
CREATE INDEX answer_received ON answer (received_at, id);
CREATE INDEX answer_unread ON answer (received_at, id) WHERE read_at IS NULL;
CREATE INDEX person_party ON person (party, name);
