"""What the live view draws, on textual."""
