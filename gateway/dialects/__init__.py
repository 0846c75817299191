"""The protocols that programs speak, turned into chat completions and back. What they are asked by is what the log keeps."""
