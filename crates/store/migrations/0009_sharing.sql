-- What is shared with others over TAXII 2.1: collections, who may use them, objects as their bytes, and what became of requests.

CREATE TABLE collection (
    number      BIGINT PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,       -- UUID of version 4
    title       TEXT NOT NULL,
    description TEXT,
    alias       TEXT UNIQUE,
    terms       BIGINT REFERENCES terms (id), -- of objects without a marking; none: the default of their giver, else AMBER+STRICT
    created_at  BIGINT NOT NULL
);

-- Who may open a collection at all; what is seen in it policy decides object by object. Party `*`: whoever signs in.
CREATE TABLE collection_grant (
    collection BIGINT NOT NULL REFERENCES collection (number),
    party      TEXT NOT NULL,
    can_read   BIGINT NOT NULL,
    can_write  BIGINT NOT NULL,
    granted_at BIGINT NOT NULL,
    PRIMARY KEY (collection, party)
);

CREATE TABLE shared_object (
    number       INTEGER PRIMARY KEY,
    collection   BIGINT NOT NULL REFERENCES collection (number),
    date_added   BIGINT NOT NULL,           -- microseconds, unique and rising in a collection
    id           TEXT NOT NULL,
    type         TEXT NOT NULL,
    version      BIGINT NOT NULL,           -- microseconds; that of the first addition where an object has none
    version_text TEXT,                      -- as the object has it
    spec         BIGINT NOT NULL,           -- 20 or 21
    newest       BIGINT NOT NULL,           -- 1: nothing newer of this id is in the collection
    twin         BIGINT NOT NULL,           -- 1: the same id and version was there before, from somebody else
    terms        BIGINT NOT NULL REFERENCES terms (id),
    giver        TEXT NOT NULL,             -- party
    bytes        BLOB NOT NULL              -- as given
);
-- Walks a collection in order and says who may see what without opening the objects.
CREATE UNIQUE INDEX shared_object_added ON shared_object (collection, date_added, terms, newest, twin, spec, type, giver);
CREATE INDEX shared_object_id ON shared_object (id, collection, version, terms, giver);

-- What was taken back: pollers that had it are told, and it is not taken again.
CREATE TABLE shared_withdrawal (
    collection   BIGINT NOT NULL REFERENCES collection (number),
    id           TEXT NOT NULL,
    version      BIGINT NOT NULL,
    date_added   BIGINT NOT NULL,           -- of the object that is gone
    terms        BIGINT NOT NULL,
    giver        TEXT NOT NULL,
    withdrawn_at BIGINT NOT NULL,           -- microseconds, unique in a collection together with those of objects
    PRIMARY KEY (collection, withdrawn_at)
);
CREATE INDEX shared_withdrawal_id ON shared_withdrawal (collection, id, version);

-- Requests to add objects. What is not done yet keeps its body, so that a restart goes on with it.
CREATE TABLE shared_request (
    id           TEXT PRIMARY KEY,          -- UUID of version 4
    collection   BIGINT NOT NULL REFERENCES collection (number),
    giver        TEXT NOT NULL,
    requested_at BIGINT NOT NULL,
    completed_at BIGINT,
    total        BIGINT NOT NULL,
    successes    BIGINT NOT NULL,
    failures     BIGINT NOT NULL,
    detail       TEXT NOT NULL,             -- JSON as TAXII has it
    body         BLOB
);
CREATE INDEX shared_request_pending ON shared_request (requested_at) WHERE body IS NOT NULL;

-- Which objects a party was given in which release: runs of numbers of objects, as they stood in the page.
CREATE TABLE shared_release (
    release    TEXT PRIMARY KEY REFERENCES release (id),
    collection BIGINT NOT NULL,
    party      TEXT NOT NULL,
    kind       TEXT NOT NULL,               -- objects | manifest | versions
    first      BIGINT NOT NULL,             -- date_added of the first and the last
    last       BIGINT NOT NULL,
    objects    BLOB NOT NULL                -- numbers of objects, differences as variable-length integers
);
CREATE INDEX shared_release_range ON shared_release (collection, first, last);

-- Who may sign in by a token. Of the token only a hash is kept.
CREATE TABLE token (
    id          TEXT PRIMARY KEY,
    party       TEXT NOT NULL,
    role        TEXT NOT NULL,
    secret      BLOB NOT NULL,              -- SHA-256 of the token
    name        TEXT,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT,
    revoked_at  BIGINT,
    last_used   BIGINT
);

-- Who may sign in by a certificate or by a token of another issuer.
CREATE TABLE sign_in (
    kind       TEXT NOT NULL,               -- certificate (SHA-256 of its DER) | subject (issuer, a space, subject)
    name       TEXT NOT NULL,
    party      TEXT NOT NULL,
    role       TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (kind, name)
);

-- Counts every change of what decides who may see what, so that whoever keeps a compiled copy knows when it is old.
CREATE TABLE policy_change (
    id     BIGINT PRIMARY KEY CHECK (id = 1),
    number BIGINT NOT NULL
);
INSERT INTO policy_change (id, number) VALUES (1, 0);
CREATE TRIGGER policy_party_insert AFTER INSERT ON party BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_party_update AFTER UPDATE ON party BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_party_delete AFTER DELETE ON party BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_party_word_insert AFTER INSERT ON party_word BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_party_word_update AFTER UPDATE ON party_word BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_party_word_delete AFTER DELETE ON party_word BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_own_party_insert AFTER INSERT ON own_party BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_own_party_update AFTER UPDATE ON own_party BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_own_party_delete AFTER DELETE ON own_party BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_agreement_insert AFTER INSERT ON agreement BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_agreement_update AFTER UPDATE ON agreement BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_agreement_delete AFTER DELETE ON agreement BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_agreement_word_insert AFTER INSERT ON agreement_word BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_agreement_word_update AFTER UPDATE ON agreement_word BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_agreement_word_delete AFTER DELETE ON agreement_word BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_terms_insert AFTER INSERT ON terms BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_terms_update AFTER UPDATE ON terms BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_terms_delete AFTER DELETE ON terms BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_terms_default_insert AFTER INSERT ON terms_default BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_terms_default_update AFTER UPDATE ON terms_default BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_terms_default_delete AFTER DELETE ON terms_default BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_collection_insert AFTER INSERT ON collection BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_collection_update AFTER UPDATE ON collection BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_collection_delete AFTER DELETE ON collection BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_collection_grant_insert AFTER INSERT ON collection_grant BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_collection_grant_update AFTER UPDATE ON collection_grant BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_collection_grant_delete AFTER DELETE ON collection_grant BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_token_insert AFTER INSERT ON token BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_token_update AFTER UPDATE OF party, role, secret, expires_at, revoked_at ON token BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_token_delete AFTER DELETE ON token BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_sign_in_insert AFTER INSERT ON sign_in BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_sign_in_update AFTER UPDATE ON sign_in BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_sign_in_delete AFTER DELETE ON sign_in BEGIN UPDATE policy_change SET number = number + 1; END;
