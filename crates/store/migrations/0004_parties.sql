-- Parties and agreements. Nothing here is overwritten: a row that no longer holds gets the time at which it was superseded,
-- and its successor is a row of its own. So what was known on a day is what was recorded until then and not yet superseded.

CREATE TABLE party (
    id            TEXT NOT NULL,
    name          TEXT NOT NULL,
    name_ja       TEXT,
    kind          TEXT NOT NULL,             -- national-csirt, provider, maker, …
    nation        TEXT,
    provenance    TEXT NOT NULL,             -- own, claimed, registry:NAME, country
    valid_from    BIGINT,
    valid_until   BIGINT,
    recorded_at   BIGINT NOT NULL,
    superseded_at BIGINT,
    PRIMARY KEY (id, recorded_at)
);

-- Sectors, communities and whose client a party is.
CREATE TABLE party_word (
    party         TEXT NOT NULL,
    number        BIGINT NOT NULL,           -- counts within the party
    kind          TEXT NOT NULL,             -- sector, community, client-of
    word          TEXT NOT NULL,
    recorded_at   BIGINT NOT NULL,
    superseded_at BIGINT,
    PRIMARY KEY (party, number)
);

-- What a party answers for.
CREATE TABLE party_claim (
    party         TEXT NOT NULL,
    number        BIGINT NOT NULL,
    kind          TEXT NOT NULL,             -- network, asn, domain, country, product
    value         TEXT NOT NULL,             -- of a product its vendor
    model         TEXT,                      -- of a product; all of the vendor's when null
    provenance    TEXT NOT NULL,
    valid_from    BIGINT,
    valid_until   BIGINT,
    recorded_at   BIGINT NOT NULL,
    superseded_at BIGINT,
    PRIMARY KEY (party, number)
);

CREATE TABLE party_contact (
    party         TEXT NOT NULL,
    number        BIGINT NOT NULL,
    role          TEXT NOT NULL,
    language      TEXT NOT NULL,
    address       TEXT NOT NULL,
    openpgp_key   TEXT,
    provenance    TEXT NOT NULL,
    valid_from    BIGINT,
    valid_until   BIGINT,
    recorded_at   BIGINT NOT NULL,
    superseded_at BIGINT,
    PRIMARY KEY (party, number)
);

-- Which party we are.
CREATE TABLE own_party (
    party         TEXT NOT NULL,
    recorded_at   BIGINT NOT NULL,
    superseded_at BIGINT,
    PRIMARY KEY (recorded_at)
);

CREATE TABLE agreement (
    id            TEXT NOT NULL,
    name          TEXT NOT NULL,
    kind          TEXT NOT NULL,
    max_tlp       TEXT NOT NULL,
    reference     TEXT NOT NULL,
    valid_from    BIGINT,
    valid_until   BIGINT,
    revoked_at    BIGINT,
    recorded_at   BIGINT NOT NULL,
    superseded_at BIGINT,
    PRIMARY KEY (id, recorded_at)
);

-- Between whom it is, and what for; of the version of the agreement that was recorded at the same time.
CREATE TABLE agreement_word (
    agreement     TEXT NOT NULL,
    recorded_at   BIGINT NOT NULL,
    kind          TEXT NOT NULL,             -- party, community, purpose, channel
    word          TEXT NOT NULL,
    PRIMARY KEY (agreement, recorded_at, kind, word)
);

-- Compiled tables of registries: who is told of abuse of an address or AS number. The files lie in `tables/` of the home.
CREATE TABLE registry_table (
    id            TEXT PRIMARY KEY,          -- first 16 hexadecimal digits of the SHA-256 of what was imported
    source        TEXT NOT NULL,             -- ripe, apnic, …
    dated         TEXT NOT NULL,
    sha256        TEXT NOT NULL,
    object_count  BIGINT NOT NULL,
    network_count BIGINT NOT NULL,
    contact_count BIGINT NOT NULL,
    path          TEXT NOT NULL,
    imported_at   BIGINT NOT NULL,
    retired_at    BIGINT
);
