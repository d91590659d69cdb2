-- What outside parties bring is counted by party and day.
CREATE INDEX upload_party ON upload (party, created_at);
