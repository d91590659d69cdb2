-- What a feed was when all of it had been taken: asked with this, its server says whether anything has changed since.
CREATE TABLE feed_taken (
    collection BIGINT NOT NULL REFERENCES collection (number),
    giver      TEXT NOT NULL,               -- party
    source     TEXT NOT NULL,               -- address of the manifest
    etag       TEXT,
    modified   TEXT,                        -- Last-Modified, as the server wrote it
    taken_at   BIGINT NOT NULL,
    PRIMARY KEY (collection, giver, source)
);
