"""Other people's formats, read into the fields that `ollive_sdk.events` declares. Pure: bytes and JSON in, plain values out."""
