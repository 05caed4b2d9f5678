"""`make compare-mnist`, `make compare`: models side by side, as a report with measurements."""
