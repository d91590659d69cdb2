-- A claim that was proved, of something that another party holds, waits for one of our people.

ALTER TABLE network_claim ADD COLUMN contested_at BIGINT;  -- proved while another held it
ALTER TABLE network_claim ADD COLUMN decided_at BIGINT;    -- by one of our people
ALTER TABLE network_claim ADD COLUMN decided_by TEXT;

-- All claims, the newest first: one page costs one page.
CREATE INDEX network_claim_newest ON network_claim (made_at, id);
CREATE INDEX network_claim_contested ON network_claim (made_at, id)
    WHERE contested_at IS NOT NULL AND confirmed_at IS NULL AND withdrawn_at IS NULL;
