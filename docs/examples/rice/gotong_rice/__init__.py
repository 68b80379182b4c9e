"""Monthly retail prices of rice, a GRU and a trimmed mean, for Gotong."""
