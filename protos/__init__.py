"""Ollive's protobuf wire: chat.proto, the module that is generated from it, and a small client to try it with."""
