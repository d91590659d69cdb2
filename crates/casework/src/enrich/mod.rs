//! Whose network, which country: tables answer, offline and in batches.
