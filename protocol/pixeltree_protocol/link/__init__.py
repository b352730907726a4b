"""The link: frames of bytes, delivery in order, messages, and the two ends of a connection."""
