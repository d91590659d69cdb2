//! Separated values as reports write them (RFC 4180 and its bad relatives), read as a stream.
