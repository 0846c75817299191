"""Where programs hand in what they recorded. Each door reads one format; `telemetry.ingest` takes what they make of it."""
